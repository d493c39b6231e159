from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

import probrm
from probrm.config import build_config
from probrm.errors import NotIdentifiedError
from probrm.runs import Run, find_recipe
from probrm_models.implicit.recipe import ImplicitRecipe
from tests import small_runs, support
from tests.support import call, naive_fit, quick_fit, refused

PRIOR = {"dist": "Beta", "concentration1": 2.0, "concentration0": 8.0}


def fitted(*flags: str, fit: Callable[..., Sequence[str]] = quick_fit) -> Run:
    done = call(*fit(Path("swapped"), *flags))
    assert done.code == 0, done.err
    return probrm.load("swapped")


@functools.cache
def by_flags() -> tuple[Run, str]:
    """A run with much swapped by flags, and what the command printed; do not write to it."""
    folder = Path(support.short_run_path()).parent
    frame = support.unlabelled().rename(columns={"prompt": "question", "action": "copied"})
    frame.to_parquet(folder / "renamed.parquet")
    sets = ("base_rate.concentration1=2", "base_rate.concentration0=8", "weights.dist=StudentT", "effects.scale.dist=Gamma")
    flags = [flag for text in sets for flag in ("--set", f"model.priors.{text}")]
    flags += ["--columns", "prompt=question,action=copied", "--reward-features", "hour", "--propensity-features", "surface"]
    # All prompts are questions: that says nothing and is left out.
    done = call(*quick_fit(folder / "by-flags", *flags, "--derive", "length,question", data=str(folder / "renamed.parquet")))
    assert done.code == 0, done.err
    assert all(line.startswith("note: ") for line in done.err.splitlines())
    return probrm.load(folder / "by-flags"), done.out


def test_json_is_one_object_on_standard_output_and_notes_go_to_standard_error() -> None:
    done = support.short_fit_output()
    found = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert {"run", "diagnostics", "identifiability", "notes", "seconds"} <= found.keys()
    assert found["run"] == support.short_run_path()
    assert found["identifiability"]["exclusion"] == ["surface[web]", "hour"]
    assert found["diagnostics"]["held_out_rows"] > 0
    assert found["notes"]
    assert done.err.splitlines() == [f"note: {note}" for note in found["notes"]]
    assert found["identifiability"]["verdict"] == "identified"


def test_a_person_gets_a_table_and_the_folder() -> None:
    run, out = by_flags()
    assert "90 % interval" in out
    assert "propensity_effects[surface[web]]" in out
    assert "held-out actions" in out
    assert out.endswith(f"run: {run.path}\n")


def test_quiet_prints_the_folder_alone() -> None:
    done = call(*naive_fit(Path("r"), "--quiet"))
    assert (done.code, done.out, done.err) == (0, "run: r\n", "")


def test_quiet_json() -> None:
    done = call(*naive_fit(Path("r"), "--quiet", "--json"))
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["run"] == "r"
    assert found["notes"]  # which would be told


def test_without_out_a_new_folder_under_runs_is_named_after_model_and_data() -> None:
    arguments = ["fit", "naive", "--data", support.log_path(), "--embeddings", support.store_path(), *support.QUICK, "--quiet"]
    assert [call(*arguments).out for _ in range(2)] == ["run: runs/naive-log\n", "run: runs/naive-log-2\n"]
    assert probrm.load("runs/naive-log").kind == "naive"
    assert sorted(path.name for path in Path("runs").iterdir()) == ["naive-log", "naive-log-2"]


def test_covariates_derived_from_the_texts() -> None:
    run, _ = by_flags()
    assert run.model.shape.propensity_effects == ("surface[web]", "length")
    assert "covariate 'question' has the same value in every row and is left out" in run.record["notes"]


def test_reward_features() -> None:
    run, _ = by_flags()
    assert run.model.shape.reward_effects == ("hour",)
    assert run.draws["reward_effects"].shape == (support.DRAWS, 1)


def test_renamed_columns() -> None:
    assert by_flags()[0].config["data"]["columns"] == {"prompt": "question", "action": "copied"}


# ---- what can be swapped: DESIGN's table, row by row


def test_a_prior() -> None:
    """What else differs between the two runs moves the base rate by .013."""
    run, other = by_flags()[0], probrm.load(support.short_run_path())
    assert run.config["model"]["priors"]["base_rate"] == PRIOR
    assert float(run.draws["base_rate"].mean()) < float(other.draws["base_rate"].mean()) - 0.03


@pytest.mark.long
def test_a_horseshoe_on_the_weights() -> None:
    support.unlabelled(80).drop(columns="user_id").to_parquet("few.parquet")
    assert call(*quick_fit(Path("swapped"), "--set", "model.priors.weights.dist=Horseshoe", data="few.parquet")).code == 0
    run = probrm.load("swapped")
    assert run.config["model"]["priors"]["weights"] == {"dist": "Horseshoe", "scale": 0.1}  # loc went with the Normal
    assert {"reward_weights_global", "reward_weights_local"} <= run.draws.keys()
    assert "reward_weights_scale" not in run.draws
    table = json.loads(call("posterior", "swapped", "--json").out)["variables"]
    assert len(table["reward_weights_local"]["mean"]) == 6


def test_student_t_weights() -> None:
    assert by_flags()[0].model.config.priors.weights.df == 4.0


def test_a_prior_on_a_scale() -> None:
    run, _ = by_flags()
    assert run.config["model"]["priors"]["effects"]["scale"] == {"dist": "Gamma", "concentration": 2.0, "rate": 2.0}
    assert "propensity_effects_scale" in run.draws
    assert "propensity_effects_scale" not in probrm.load(support.short_run_path()).draws


SHORT = ("--inference", "svi", "--set", "inference.max_steps=20", "--set", "inference.eval_every=10", "--set", "inference.draws=20")


@pytest.mark.parametrize("guide", ["auto-normal", "full-rank", "delta", "amortised"])
def test_the_guide_and_svi(guide: str) -> None:
    """The naive model has no latents in its rows to be amortised."""
    run = fitted("--guide", guide, *SHORT, fit=quick_fit if guide == "amortised" else naive_fit)
    assert run.config["guide"]["name"] == guide
    assert run.guide
    spread = float(run.draws["reward_weights"].std(0).max())
    assert spread == 0 if guide == "delta" else spread > 0
    assert run.config["inference"]["name"] == "svi"
    assert len(run.draws["base_rate"]) == 20
    assert all(bool(torch.isfinite(value).all()) for value in run.draws.values())


@pytest.mark.parametrize("table", ["action", "model.action"])
def test_a_file_with_a_prior_an_action_and_a_guide_with_its_own_settings(table: str) -> None:
    """The action may stand in a table of its own or in the model's: one is fitted, the other means the same."""
    prior = '[model.priors]\nbase_rate = {dist = "Beta", concentration1 = 2, concentration0 = 8}\n'
    Path("c.toml").write_text(f'{prior}[{table}]\nfalse_rate = 0.05\n[guide]\nname = "low-rank"\nrank = 3\n')
    if table == "action":
        config = fitted("--action", "click", "--config", "c.toml", *SHORT).config
    else:
        config = build_config(find_recipe("implicit"), toml="c.toml", flags={"action": {"name": "click"}}).to_dict()
    assert config["guide"] == {"name": "low-rank", "rank": 3}
    assert config["model"]["action"] == {"name": "click", "false_rate": 0.05, "miss_rate": 0.0}
    assert config["model"]["priors"]["base_rate"] == PRIOR


def test_a_guide_that_the_inference_has_no_use_for_is_told() -> None:
    done = call(*naive_fit(Path("r"), "--guide", "low-rank"))
    assert "note: inference laplace has no guide to choose: guide low-rank is not used" in done.err


def test_nuts() -> None:
    run = fitted("--inference", "nuts", "--set", "inference.draws=20", "--set", "inference.warmup=10", "--set", "inference.thin=1")
    assert run.config["inference"]["name"] == "nuts"
    assert len(run.draws["base_rate"]) == 20
    assert "n_steps" in run.sample_stats
    assert all(bool(torch.isfinite(value).all()) for value in run.draws.values())


def test_laplace_and_a_false_action_rate_that_is_learned() -> None:
    run = fitted("--set", 'action.false_rate={dist="Beta", concentration1=1, concentration0=30}', "--set", "inference.draws=20")
    assert run.config["inference"]["name"] == "laplace"
    rate = run.draws["false_rate"]
    assert len(rate) == 20
    assert bool(((rate > 0) & (rate < 1)).all())
    assert all(bool(torch.isfinite(value).all()) for value in run.draws.values())


def small_log() -> str:
    """80 rows, which an encoder is soon through with."""
    support.unlabelled(80).to_parquet("small.parquet")
    return "small.parquet"


def test_the_encoder_and_its_settings(tmp_path: Path) -> None:
    """A model of the user's own, from a folder."""
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    from tests.small_models import wordpiece

    tokenizer: PreTrainedTokenizerFast = wordpiece()
    small: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **small)).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    Path("c.toml").write_text('[encoder]\npooling = "cls"\nlayer = 1\nmax_length = 64\n')
    arguments = ["--config", "c.toml", "--encoder", "bert", "--out", "r", "--json", *support.QUICK]
    done = call("fit", "naive", "--data", small_log(), *arguments)
    assert done.code == 0, done.err
    run = probrm.load("r")
    assert run.record["encoder"]["dim"] == 8
    assert run.config["encoder"] | {"precision": ""} == {
        "name": "bert",
        "layer": 1,
        "prompt_layer": None,
        "pooling": "cls",  # another model's name does not undo the file's other settings
        "max_length": 64,
        "normalize": True,
        "precision": "",
        "batch_tokens": None,
        "text": "pair",
        "compile": False,
    }
    settled = run.record["encoder"]["config"]
    assert (settled["layer"], settled["prompt_layer"]) == ("last", "last")  # the model has one block; nobody sees prompts alone
    assert "layers" not in run.record["encoder"]  # nothing was left to choose
    assert run.reward("What is 2 + 2?", ["4", "5"]).reward.shape == (2,)


def test_the_encoders_layer_is_chosen_by_the_actions() -> None:
    flags = ("--encoder", small_runs.model_folder("bert"), "--set", "encoder.layer=auto", "--set", "encoder.max_length=128")
    done = call("fit", "implicit", "--data", small_log(), *flags, "--out", "r", *support.QUICK)
    assert done.code == 0, done.err
    run = probrm.load("r")
    (choice,) = run.record["encoder"]["layers"]
    settled = run.record["encoder"]["config"]
    blocks = len(choice["log_likelihood"]) - 1
    assert blocks > 1
    assert settled["layer"] == ("last" if choice["layer"] == blocks else choice["layer"])
    assert (settled["prompt_layer"], choice["unit"]) == ("last", "actions")
    assert any(note.startswith(f"encoder.layer: {choice['layer']} of {blocks}, chosen by") for note in run.record["notes"])
    assert run.reward("What is 2 + 2?", ["4", "5"]).reward.shape == (2,)
    assert "encoder_layers" in find_recipe("implicit").figures(run)
    assert call("score", str(run.path), "--data", small_log(), "--out", "s.csv").code == 0


# ---- precedence


def test_default_then_file_then_flags_then_set() -> None:
    Path("c.toml").write_text('seed = 1\nstarts = 2\nheld_out = 0.2\n[inference]\nname = "laplace"\ndraws = 30\n')
    flags = ["--config", "c.toml", "--set", "seed=4", "--set", "inference.draws=40"]
    arguments = ["fit", "naive", "--data", support.log_path(), "--embeddings", support.store_path(), "--out", "r", "--quiet"]
    assert call(*arguments, *flags, "--seed", "3").code == 0
    config = probrm.load("r").config
    assert config["seed"] == 4
    assert config["starts"] == 2
    assert config["held_out"] == 0.2
    assert config["inference"] == {"name": "laplace", "draws": 40, "refit": True}
    assert config["device"] == "auto"
    assert call(*arguments, "--config", "c.toml", "--seed", "3", "--overwrite").code == 0
    assert probrm.load("r").config["seed"] == 3


def test_another_inference_drops_the_files_settings_of_its_own() -> None:
    Path("c.toml").write_text('[inference]\nname = "svi"\nmax_steps = 30\n')
    run = fitted("--config", "c.toml", fit=naive_fit)
    assert run.config["inference"] == {"name": "laplace", "draws": support.DRAWS, "refit": False}


def test_a_recorded_config_is_a_config_file() -> None:
    """What a run writes down can be given back."""
    run, _ = by_flags()
    assert run.path
    config = json.loads((run.path / "run.json").read_text())["config"]
    Path("again.toml").write_text(_toml(config))
    assert tomllib.loads(Path("again.toml").read_text())
    source = run.record["data"]["source"]
    again = call("fit", "implicit", "--data", source, "--embeddings", support.store_path(), "--config", "again.toml", "--out", "r")
    assert again.code == 0, again.err
    other = probrm.load("r")
    assert other.config == run.config
    assert all(torch.equal(run.draws[name], other.draws[name]) for name in run.draws)


def _toml(value: dict[str, Any], prefix: str = "") -> str:
    plain = "".join(f"{key} = {json.dumps(v)}\n" for key, v in value.items() if v is not None and not isinstance(v, dict))
    tables = "".join(f"\n[{prefix}{key}]\n{_toml(v, f'{prefix}{key}.')}" for key, v in value.items() if isinstance(v, dict))
    return plain + tables


def test_no_held_out_rows() -> None:
    flags = ("--set", "held_out=0")
    found = json.loads(call(*quick_fit(Path("r"), *flags, "--json")).out)["diagnostics"]
    assert (found["held_out_rows"], found["held_out_log_likelihood"]) == (0, None)
    shown = call(*quick_fit(Path("r"), *flags, "--resume"))  # the same run, for a person
    assert "base_rate" in shown.out
    assert shown.out.endswith("run: r\n")


def test_modes_that_the_log_does_not_tell_apart_are_both_saved_and_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedding in both heads, and no covariates or users: reward and propensity can be swapped. Fitted once, saved twice."""
    fit, told_of = ImplicitRecipe.fit, []

    def fit_once(*args: Any, **options: Any) -> Run:
        try:
            if told_of:
                raise told_of[0]
            return fit(*args, **options)
        except NotIdentifiedError as error:
            told_of.append(error)
            raise

    monkeypatch.setattr(ImplicitRecipe, "fit", fit_once)
    swap = ("--set", "model.share_embedding=true", "--columns", "user_id=")
    done = call(*quick_fit(Path("r"), *swap))
    assert done.code == 3
    assert "run: " not in done.out
    for told in ("the log does not identify the rewards: 2 reward models", "saved: r/mode-1, r/mode-2", "--assume base-rate"):
        assert told in done.err
    assert probrm.load("r/mode-2").metrics["identifiability"]["verdict"] == "not identified"
    for mode in ("mode-1", "mode-2"):
        store = ("--embeddings", support.store_path())
        assert call("score", f"r/{mode}", "--data", support.log_path(), "--out", f"{mode}.parquet", *store).code == 0
    first, second = (pd.read_parquet(f"{mode}.parquet")["reward"].to_numpy() for mode in ("mode-1", "mode-2"))
    assert spearmanr(first, second)[0] < 0.9  # pyright: ignore[reportOperatorIssue]
    refused = call("score", "r", "--data", support.log_path(), "--out", "s.parquet")
    assert refused.code == 2
    assert "name the one you believe: r/mode-1 or r/mode-2" in refused.err
    again = call(*quick_fit(Path("r"), *swap))
    assert (again.code, "already holds a run" in again.err) == (2, True)
    again = call(*quick_fit(Path("r"), *swap, "--overwrite", "--json"))
    found = json.loads(again.out)
    assert (again.code, found["run"], found["modes"]) == (3, None, ["r/mode-1", "r/mode-2"])
    assert [mode["tied"] for mode in found["identifiability"]["modes"]] == [True, True]


# ---- wrong names list the valid ones


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--guide", "auto-noraml"], ["unknown guide 'auto-noraml'", "auto-normal, low-rank, full-rank, delta, amortised", "--guide"]),
        (["--inference", "mcmc"], ["unknown inference 'mcmc'", "svi, laplace, nuts", "--inference"]),
        (["--action", "dwell"], ["model.action.name", "'dwell'", "'click'"]),
        (["--preset", "foo"], ["'foo'", "realhumaneval"]),
        (["--derive", "lenght"], ["'lenght'", "length, code_block, list, question", "did you mean"]),
        (["--device", "tpu"], ["--device", "'tpu'", "auto, cpu, cuda"]),
        (["--columns", "promt=question"], ["'promt'", "prompt, messages, response", "did you mean"]),
        (["--columns", "prompt"], ["--columns", "'prompt'", "prompt=question"]),
        (["--starts", "0"], ["starts", "found 0", "1 to 1000"]),
        (["--seed", "-1"], ["seed", "found -1"]),
        (["--set", "modle.x=1"], ["--set modle.x=1", "did you mean model?", "guide, inference"]),
        (["--set", "guide.rank=3"], ["guide 'auto-normal'", "'rank'", "allowed: name"]),
        (["--set", "guide=low-rank"], ["guide", "'low-rank'", "--set guide.KEY=VALUE"]),
        (["--set", "inference.lr=1"], ["inference 'laplace'", "'lr'", "draws"]),
        (["--set", "inference.draws=0"], ["inference.draws", "found 0", "greater than or equal to 4"]),
        (["--set", "model.prior.base_rate=1"], ["model.prior", "allowed here: priors"]),
        (["--set", "model.priors.weight.dist=Normal"], ["model.priors.weight", "base_rate, weights, effects"]),
        (["--set", "model.priors.weights.dist=Horse"], ["'Horse'", "did you mean Horseshoe?", "StudentT"]),
        (["--set", "model.priors.weights.scale.scale=-1"], ["model.priors.weights.scale.scale", "found -1", "greater than 0"]),
        (["--set", "model.priors.weights.scale=0"], ["model.priors.weights.scale", "found 0", "positive"]),
        (["--set", "model.priors.base_rate.dist=Normal"], ["model.priors.base_rate", "Normal", "(0, 1)", "dist=Beta"]),
        (["--set", "model.priors.weights.scale.dist=Normal"], ["model.priors.weights.scale", "positive", "dist=HalfNormal"]),
        (["--set", "model.form=exact"], ["model.form", "'exact'", "'marginal' or 'enumerated'"]),
        (["--set", "action.false_rate=0.7"], ["action.false_rate", "found 0.7", "[0, 0.5)"]),
        (["--set", "encoder.pooling=max"], ["encoder.pooling", "'max'", "response, mean, last, cls"]),
        (["--set", "encoder.poling=max"], ["'poling'", "did you mean pooling?"]),
        (["--set", "data.columns=5"], ["data.columns", "found 5"]),
        (["--set", "data.preset=5"], ["data.preset", "found 5", "realhumaneval"]),
        (["--set", "data.propensity_features=hour"], ["data.propensity_features", "'hour'", "--propensity-features"]),
        (["--set", "nonsense"], ["--set nonsense", "KEY=VALUE"]),
        (["--config", "no.toml"], ["--config no.toml", "No such file"]),
        (["--config", "bad.toml"], ["--config bad.toml", "line 2"]),
        (["--config", "wrong.toml"], ["--config wrong.toml", "'modell'", "did you mean model?"]),
        (["--embeddings", "no.safetensors"], ["no.safetensors", "probrm embed"]),
        (["--propensity-features", "hours"], ["'hours'", "--propensity-features", "did you mean 'hour'?"]),
        (["--foo"], ["probrm fit implicit", "--foo", "--help"]),
        (["--starts", "many"], ["probrm fit implicit", "--starts"]),
    ],
)
def test_wrong_names_and_values(flags: list[str], named: list[str]) -> None:
    Path("bad.toml").write_text("seed = 1\nstarts = = 2\n")
    Path("wrong.toml").write_text("[modell]\nform = 'marginal'\n")
    base = ["--inference", "laplace"] if "inference" not in " ".join(flags) or "lr" in flags[-1] or "draws" in flags[-1] else []
    outcome = call("fit", "implicit", "--data", support.log_path(), "--embeddings", support.store_path(), "--out", "r", *base, *flags)
    refused(outcome, *named)
    assert not Path("r").exists()
