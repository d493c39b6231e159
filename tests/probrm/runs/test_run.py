from __future__ import annotations

import dataclasses
import hashlib
import json
import pickletools
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pytest
import torch

import probrm
from probrm.data import LogSpec
from probrm.errors import ConfigError, RunError
from probrm.runs import Run, find_recipe
from tests import support

FILES = {"run.json", "tensors.safetensors", "posterior.nc", "history.json", "metrics.json", "split.json"}


@pytest.fixture(autouse=True)
def _cache() -> Any:
    with support.environment():
        yield


@pytest.fixture(scope="module")
def run() -> Run:
    return probrm.load(support.run_path())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return shutil.copytree(support.run_path(), tmp_path / "run")


def test_files_and_permissions(copied: Path) -> None:
    folder = Path(support.run_path())
    assert {path.name for path in folder.iterdir()} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_no_pickle_anywhere() -> None:
    for path in Path(support.run_path()).iterdir():
        content = path.read_bytes()
        assert content[:2] != b"PK"  # the archives of torch.save
        with pytest.raises(ValueError, match=r".*"):
            for _ in pickletools.genops(content):
                pass


def test_json_is_strict() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for path in Path(support.run_path()).glob("*.json"):
        json.loads(path.read_text(), parse_constant=refuse)


def test_what_is_loaded_is_what_was_fitted(tmp_path: Path) -> None:
    """To the bit: draws, tensors of model, guide and baseline, and the rewards that follow."""
    recipe = find_recipe("implicit")
    config = probrm.config.build_config(  # type: ignore[attr-defined]
        recipe,
        flags={"data": {"propensity_features": ["surface", "hour"], "reward_features": ["hour"]}, "guide": {"name": "amortised"}},
        sets=[
            "inference.max_steps=20",
            "inference.eval_every=10",
            "model.reward_head.name=mlp",
            "model.reward_head.hidden=[4]",
            "starts=1",
        ],
    )
    fitted = recipe.fit(support.log_path(), config, embeddings=support.store_path())
    fitted.save(tmp_path / "run")
    loaded = probrm.load(tmp_path / "run")
    assert fitted.path == loaded.path == tmp_path / "run"
    assert sorted(fitted.draws) == sorted(loaded.draws)
    for ours, theirs in (
        (fitted.draws, loaded.draws),
        (fitted.guide, loaded.guide),
        (fitted.model.state_dict(), loaded.model.state_dict()),
    ):
        assert ours.keys() == theirs.keys()
        assert len(ours) > 0
        for name in ours:
            assert ours[name].dtype == theirs[name].dtype
            assert torch.equal(ours[name], theirs[name]), name
    assert fitted.baseline
    assert loaded.baseline
    assert all(torch.equal(fitted.baseline[1][name], loaded.baseline[1][name]) for name in fitted.baseline[1])
    assert loaded.model.spec() == fitted.model.spec()
    assert not loaded.model.training
    assert (loaded.kind, loaded.config, loaded.record, loaded.split) == (fitted.kind, fitted.config, fitted.record, fitted.split)
    spec = LogSpec.from_dict(fitted.config["data"])
    tables = [recipe.score(one, support.truth_path(), spec, embeddings=support.store_path())[0] for one in (fitted, loaded)]
    assert tables[0].equals(tables[1])


def test_the_record_says_what_was_done(run: Run) -> None:
    record = run.record
    assert record["data"]["source"] == support.log_path()
    assert record["data"]["rows"] == 300
    assert record["data"]["sha256"] == probrm.data.file_hash(support.log_path())
    assert record["versions"]["probrm"]
    assert record["versions"]["pyro-ppl"]
    assert record["encoder"]["config"]["precision"] != "auto"  # as settled, so that scoring uses the same
    assert set(run.split) < {f"r{i}" for i in range(300)}
    assert len(run.split) == run.metrics["diagnostics"]["held_out_rows"]
    assert run.config["data"]["propensity_features"] == ["surface", "hour"]


def test_summary(run: Run) -> None:
    table = run.summary()
    assert set(table) == set(run.draws)
    draws = run.draws["user_activity"].double().numpy()
    np.testing.assert_allclose(table["user_activity"].mean, draws.mean(0), rtol=1e-12)
    np.testing.assert_allclose(table["user_activity"].low, np.quantile(draws, 0.05, axis=0), rtol=1e-12)


def test_whose_draws_they_are(run: Run) -> None:
    """NUTS' too where it kept no statistics, as it did not before there were any."""
    assert not run.sampled
    config = run.config | {"inference": run.config["inference"] | {"name": "nuts"}}
    assert dataclasses.replace(run, config=config, sample_stats={}).sampled


def test_to_arviz(run: Run) -> None:
    data = run.to_arviz()
    assert isinstance(data, arviz.InferenceData)
    assert data["posterior"]["user_activity"].dims == ("chain", "draw", "user")
    assert list(data["posterior"]["user"].values) == sorted(f"u{i}" for i in range(12))
    assert data.attrs["seed"] == 0
    opened = arviz.from_netcdf(str(Path(support.run_path()) / "posterior.nc"))
    for name, draws in run.draws.items():
        np.testing.assert_array_equal(opened["posterior"][name].values[0], draws.numpy())


def test_rewards_of_answers_given_in_code(run: Run) -> None:
    answers = ["The answer is 7.", "Sorry, no idea. Maybe 9?", "The answer is 8."]
    found = run.reward("What is 3 + 4?", answers)
    assert found.reward.shape == found.probability_high.shape == (3,)
    assert found.reward.dtype == np.float32
    assert found.reward[0] > found.reward[1]
    assert found.reward[2] > found.reward[1]
    assert np.all(found.reward_low < found.reward)
    assert np.all((found.probability_low < found.probability) & (found.probability < found.probability_high))
    backwards = run.reward("What is 3 + 4?", answers[::-1])
    np.testing.assert_allclose(backwards.reward[::-1], found.reward, atol=1e-3)  # batches differ in the last digits
    alone = run.reward("What is 3 + 4?", answers[1])
    np.testing.assert_allclose(alone.reward, found.reward[1:2], atol=1e-3)
    assert run.reward("What is 3 + 4?", []).reward.shape == (0,)


def test_rewards_of_a_chat(run: Run) -> None:
    """A chat of one message is not the bare text: its roles are seen."""
    chat = [
        {"role": "user", "content": "What is 3 + 4?"},
        {"role": "assistant", "content": "Is that a riddle?"},
        {"role": "user", "content": "No."},
    ]
    found = run.reward(chat, ["The answer is 7.", "Sorry, no idea."])
    assert found.reward.shape == (2,)
    assert found.reward[0] > found.reward[1]


def test_rewards_in_code_keep_the_encoder_and_write_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An RL trainer asks thousands of times."""
    import probrm.encoders.transformer as room

    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path / "cache"))
    run.reward("a", "b")
    monkeypatch.setattr(room, "load_encoder", None)
    run.reward("a", ["c", "d"])
    assert list(tmp_path.iterdir()) == []


def test_saving_does_not_overwrite_unless_told(run: Run, tmp_path: Path) -> None:
    run = probrm.load(support.run_path())
    run.save(tmp_path / "r")
    with pytest.raises(RunError, match="already holds a run"):
        run.save(tmp_path / "r")
    run.config["seed"] = 5
    run.save(tmp_path / "r", overwrite=True)
    assert probrm.load(tmp_path / "r").config["seed"] == 5
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(RunError, match="no run of probrm"):
        run.save(tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


# ---- damage


def test_weights_given_by_hand_are_for_models_with_objectives_and_not_saved(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no objectives"):
        run.reweighted({"helpful": 1.0})
    with pytest.raises(RunError, match="weights given by hand is not saved"):
        dataclasses.replace(run, record=run.record | {"weights": {}}).save(tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run of probrm: there is no such folder"):
        probrm.load(tmp_path / "no")
    with pytest.raises(RunError, match=r"not a run of probrm: it holds no run\.json"):
        probrm.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="not a run of probrm"):
        probrm.load(tmp_path / "file")


@pytest.mark.parametrize("name", sorted(FILES - {"run.json"}))
@pytest.mark.parametrize("how", ["truncated", "missing", "empty", "one bit", "another run's"])
def test_damaged_files(copied: Path, name: str, how: str) -> None:
    path = copied / name
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"truncated": content[:middle], "empty": b"", "one bit": flipped, "another run's": content + b" "}[how])
    reason = "No such file or directory" if how == "missing" else "it is not what was saved"
    with pytest.raises(RunError, match=rf"the run is damaged: {name}: {reason}.*\n  fix: ") as caught:
        probrm.load(copied)
    assert str(copied) in caught.value.what


def edited(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads((path / "run.json").read_text())
    changed = change(content)
    (path / "run.json").write_text(json.dumps(content if changed is None else changed))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: [],
        lambda c: 7,
        lambda c: c.pop("kind") and None,
        lambda c: c.pop("sha256") and None,
        lambda c: c.pop("files") and None,
        lambda c: c.update(files=[]),
        lambda c: c["files"].pop("metrics.json") and None,
        lambda c: c["config"].update(seed=1),
        lambda c: c["record"]["data"].update(rows=299),
        lambda c: c["spec"]["model"]["shape"].update(embedding=7),
        lambda c: c["spec"]["model"]["config"]["priors"]["weights"].update(dist="HalfNormal", scale=-1.0),
    ],
)
def test_an_edited_run_json(copied: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edited(copied, change)
    with pytest.raises(RunError, match=r"the run is damaged: run\.json: .+\n  fix: "):
        probrm.load(copied)


def resigned(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """An edit with the checksum made good: what another version of the package may have written under the same format."""
    content = json.loads((path / "run.json").read_text())
    del content["sha256"]
    change(content)
    content["sha256"] = hashlib.sha256((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()).hexdigest()
    (path / "run.json").write_text(json.dumps(content))


def test_an_edit_with_the_checksum_made_good_is_read(copied: Path) -> None:
    resigned(copied, lambda c: c["config"].update(seed=1))
    assert probrm.load(copied).config["seed"] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("spec"),
        lambda c: c.pop("record"),
        lambda c: c["spec"]["model"]["shape"].update(embedding="many"),
        lambda c: c["spec"]["model"]["shape"].update(surprise=1),
        lambda c: c["spec"]["model"]["config"]["priors"]["weights"].update(dist="HalfNormal", scale=-1.0),
        lambda c: c["spec"]["model"]["config"]["reward_head"].update(name="mlp"),
        lambda c: c["spec"]["inputs"].update(users=None),
        lambda c: c["spec"]["inputs"]["propensity"].update(covariates=[{}]),
        lambda c: c["spec"].update(baseline={"shape": 1}),
    ],
)
def test_contents_that_do_not_fit(copied: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    resigned(copied, change)
    with pytest.raises(RunError, match=r"the run is damaged: (run\.json|tensors\.safetensors): .+\n  fix: "):
        probrm.load(copied)


def test_a_run_json_that_is_none(copied: Path) -> None:
    for content in (b"", b"{", b"\xff\xfe", b"null"):
        (copied / "run.json").write_bytes(content)
        with pytest.raises(RunError, match=r"the run is damaged: run\.json"):
            probrm.load(copied)


@pytest.mark.parametrize("form", [0, 2, "1", None])
def test_another_format(copied: Path, form: Any) -> None:
    edited(copied, lambda c: c.update(format=form))
    with pytest.raises(RunError, match=rf"its format is {form!r}; this version reads 1\n.*fit again"):
        probrm.load(copied)


def test_a_model_that_is_not_installed(copied: Path) -> None:
    resigned(copied, lambda c: c.update(kind="quantum"))
    with pytest.raises(RunError, match=r"unknown model 'quantum'; installed: .*implicit"):
        probrm.load(copied)


def test_a_prior_that_is_not_known_here_is_named(copied: Path) -> None:
    """The run is whole: what is missing is the module that registers the prior."""
    resigned(copied, lambda c: c["spec"]["model"]["config"]["priors"]["weights"].update(dist="Elsewhere"))
    with pytest.raises(RunError, match=r"fitted with the prior 'Elsewhere', which is not known here\n  fix: import the module"):
        probrm.load(copied)


def test_a_run_is_shown_in_one_line(run: Run) -> None:
    assert repr(run).startswith("<probrm run: ")
    assert len(repr(run).splitlines()) == 1
