from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arviz
import h5netcdf
import numpy as np
import pytest
import torch
import xarray
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel
from probrm.posterior import arviz as shim
from probrm.posterior import netcdf_bytes, posterior_groups, read_posterior, to_arviz
from tests.probrm.fitted_rows import Rows, make_rows

STATS = {"diverging": np.arange(30) % 7 == 0, "tree_depth": np.full(30, 3), "energy": np.linspace(0, 1, 30)}
HISTORY = {"records": [{"step": 1, "elbo": -3.0, "rate": 0.1}, {"step": 5, "elbo": -2.0, "rate": 0.05, "held_out": -1.0}], "stages": [0]}


@pytest.fixture
def draws() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "rate": 0.4 + 0.1 * torch.rand(30, generator=generator),
        "slopes": 0.1 * torch.randn(30, 2, generator=generator),
        "effects": 0.1 * torch.randn(30, 5, generator=generator),
    }


@pytest.fixture
def model(two_rates: Callable[..., RewardModel], monkeypatch: pytest.MonkeyPatch) -> RewardModel:
    """Its observed column is ``y``."""
    found = two_rates(5)
    monkeypatch.setattr(type(found), "observed", "y")
    return found


@pytest.fixture
def rows(rates_batch: Batch) -> Rows:
    texts = np.array([None if i % 2 else "a\0b" for i in range(40)], dtype=object)
    return make_rows(
        rates_batch,
        ["y"],
        ids=["twice", "twice", "nul\0", "lone \ud800", *range(36)],
        constant={
            "x": rates_batch["x"].numpy(),
            "user": rates_batch["user"].numpy(),
            "row": texts,
            "feature": rates_batch["y"].numpy(),
            "a/b": rates_batch["y"].numpy(),
        },
        dims={"x": ("row", "feature")},
    )


def write(path: Path, groups: dict[str, xarray.Dataset]) -> Path:
    path.write_bytes(netcdf_bytes(groups))
    return path


def test_names(model: RewardModel, draws: dict[str, Tensor]) -> None:
    draws["matrix"] = torch.zeros(30, 2, 2)
    attrs = {"seed": 7, "model": "two-rates", "versions": {"torch": "2"}, "refit": True, "none": None}
    groups = posterior_groups(model, draws, attrs=attrs)
    assert list(groups) == ["posterior"]
    posterior = groups["posterior"]
    assert posterior["rate"].dims == ("chain", "draw")
    assert posterior["slopes"].dims == ("chain", "draw", "feature")
    assert list(posterior["feature"].values) == ["a", "b"]
    assert posterior["effects"].sel(user="2").shape == (1, 30)
    assert posterior["matrix"].dims == ("chain", "draw", "matrix_dim_0", "matrix_dim_1")
    assert posterior.attrs.items() >= {"seed": 7, "model": "two-rates", "versions": '{"torch": "2"}', "refit": 1}.items()
    assert posterior.attrs["inference_library"] == "pyro"
    assert "none" not in posterior.attrs
    assert "user" not in posterior_groups(model, {"slopes": draws["slopes"]})["posterior"].coords
    assert to_arviz(groups).attrs["seed"] == 7


def test_chains_and_what_the_sampler_says(model: RewardModel, draws: dict[str, Tensor], tmp_path: Path) -> None:
    groups = posterior_groups(model, draws, chains=3, sample_stats=STATS, history=HISTORY)
    assert groups["posterior"]["slopes"].shape == (3, 10, 2)
    torch.testing.assert_close(torch.tensor(groups["posterior"]["rate"].values[1]), draws["rate"][10:20])
    stats = groups["sample_stats"]
    assert stats["diverging"].dims == ("chain", "draw")
    assert stats["diverging"].dtype == bool
    assert stats["elbo"].dims == ("step",)
    assert stats["step"].values.tolist() == [1, 5]
    np.testing.assert_array_equal(stats["held_out_log_likelihood"], [np.nan, -1.0])
    found = read_posterior(write(tmp_path / "p.nc", groups))
    assert found.chains == 3
    assert found.sample_stats.keys() == STATS.keys()
    for name, value in STATS.items():
        np.testing.assert_array_equal(found.sample_stats[name], value)
        assert found.sample_stats[name].dtype == value.dtype
    with pytest.raises(ValueError, match="30 draws are not 4 chains"):
        posterior_groups(model, draws, chains=4)


def test_to_the_bit_through_a_file(model: RewardModel, draws: dict[str, Tensor], tmp_path: Path) -> None:
    path = write(tmp_path / "posterior.nc", posterior_groups(model, draws, attrs={"seed": 7}))
    found = read_posterior(path)
    assert (found.chains, found.sample_stats) == (1, {})
    assert found.draws.keys() == draws.keys()
    assert all(torch.equal(found.draws[name], draws[name]) and found.draws[name].dtype == torch.float32 for name in draws)
    opened: Any = arviz.from_netcdf(str(path))
    np.testing.assert_array_equal(opened["posterior"]["effects"].values[0], draws["effects"].numpy())
    assert list(opened["posterior"]["user"].values) == ["0", "1", "2", "3", "4"]
    assert opened.attrs["seed"] == 7
    assert arviz.summary(opened, var_names=["slopes"]).index.tolist() == ["slopes[a]", "slopes[b]"]


def test_labels_that_a_file_cannot_hold_and_names_that_clash(
    model: RewardModel, draws: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model, "coords", lambda: {"rate": ["a", "a"], "user": ["x\0y", "é 日本", "", "\ud800", "[0]"]})
    monkeypatch.setattr(model, "dims", lambda: {"slopes": ("rate",), "effects": ("user",)})
    opened: Any = xarray.open_datatree(write(tmp_path / "p.nc", posterior_groups(model, draws)), engine="h5netcdf")
    assert list(opened["posterior"]["user"].values) == ["x�y", "é 日本", "", "?", "[0]"]
    assert opened["posterior"]["slopes"].dims == ("chain", "draw", "rate_dim")  # the site called rate is no label
    assert list(opened["posterior"]["rate_dim"].values) == ["a", "a"]
    opened.close()


def test_a_site_without_entries_and_labels_of_another_number(
    model: RewardModel, draws: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model, "coords", lambda: {"feature": ["only one"]})
    draws["effects"] = torch.zeros(30, 0)
    found = read_posterior(write(tmp_path / "p.nc", posterior_groups(model, draws)))
    assert found.draws["effects"].shape == (30, 0)
    assert torch.equal(found.draws["slopes"], draws["slopes"])


@pytest.mark.filterwarnings("ignore:Estimated shape:UserWarning")  # of thirty draws there is no tail
def test_a_number_for_each_row(model: RewardModel, draws: dict[str, Tensor], rows: Rows, tmp_path: Path) -> None:
    groups = posterior_groups(model, draws, chains=2, rows=rows, attrs={"seed": 3})
    opened: Any = arviz.from_netcdf(str(write(tmp_path / "p.nc", groups)))
    assert opened.groups() == ["posterior", "posterior_predictive", "log_likelihood", "observed_data", "constant_data"]
    likelihood = opened["log_likelihood"]["y"]
    assert likelihood.dims == ("chain", "draw", "row")
    np.testing.assert_array_equal(likelihood.values.reshape(30, 40), model.log_likelihood(draws, rows.batch).numpy())
    assert list(likelihood["row"].values[:5]) == ["twice", "twice (2)", "nul�", "lone ?", "0"]
    np.testing.assert_array_equal(opened["observed_data"]["y"], rows.batch["y"].numpy())
    predicted = opened["posterior_predictive"]["y"]
    assert predicted.dtype == np.int8
    assert set(np.unique(predicted)) == {0, 1}
    constant = opened["constant_data"]
    assert constant["x"].dims == ("row", "feature")
    assert list(constant["feature"].values) == ["a", "b"]
    assert set(constant.data_vars) == {"x", "user", "row_", "feature_", "a∕b"}
    assert list(constant["row_"].values[:2]) == ["a�b", ""]
    loo: Any = arviz.loo(opened)
    assert loo.n_data_points == 40
    assert xarray.open_dataset(tmp_path / "p.nc", group="log_likelihood", engine="h5netcdf").sizes["row"] == 40
    again = posterior_groups(model, draws, chains=2, rows=rows, attrs={"seed": 3})
    assert again["posterior_predictive"].equals(groups["posterior_predictive"])


def test_replicates_have_the_probability_of_the_likelihood(model: RewardModel, rates_batch: Batch) -> None:
    """3,000 equal draws: each row's share of ones is within 5 standard errors of its probability (fails once in 40,000)."""
    draws = {"rate": torch.full((3000,), 0.3), "slopes": torch.ones(3000, 2), "effects": torch.zeros(3000, 5)}
    found = posterior_groups(model, draws, rows=make_rows(rates_batch, ["y"]))["posterior_predictive"]["y"]
    one = Batch({**rates_batch.columns, "y": torch.ones(40)}, 40)
    probability = model.log_likelihood({name: value[:1] for name, value in draws.items()}, one).exp().numpy()[0]
    error = np.sqrt(probability * (1 - probability) / 3000)
    assert (np.abs(found.mean(("chain", "draw")) - probability) < 5 * error).all()
    assert (np.abs(0.3 - probability) > 5 * error).mean() > 0.5  # the negative control


def test_rows_that_the_posterior_has_not_seen_are_left_out(model: RewardModel, draws: dict[str, Tensor], rows: Rows) -> None:
    rows.held_out = np.arange(40) < 10
    groups = posterior_groups(model, draws, rows=rows)
    assert {name: group.sizes["row"] for name, group in groups.items() if "row" in group.sizes} == dict.fromkeys(
        ("log_likelihood", "posterior_predictive", "observed_data", "constant_data"), 30
    )
    likelihood = model.log_likelihood(draws, rows.batch)[:, 10:].numpy()
    np.testing.assert_array_equal(groups["log_likelihood"]["y"].values[0], likelihood)


def test_many_draws_of_many_rows_are_thinned(
    model: RewardModel, draws: dict[str, Tensor], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 400 numbers in a group of 40 rows: five of fifteen draws of each chain, under their own numbers; in chunks of 3 rows."""
    whole = posterior_groups(model, draws, chains=2, rows=rows)
    monkeypatch.setattr(row_groups_module(), "MOST", 400)
    monkeypatch.setattr(row_groups_module(), "_CHUNK", 30)
    groups = posterior_groups(model, draws, chains=2, rows=rows)
    kept = groups["log_likelihood"]["draw"].values
    assert groups["log_likelihood"]["y"].shape == groups["posterior_predictive"]["y"].shape == (2, 5, 40)
    assert (kept[0], kept[-1]) == (0, 14)
    np.testing.assert_allclose(groups["log_likelihood"]["y"], whole["log_likelihood"]["y"].sel(draw=kept), rtol=1e-6)
    assert groups["posterior"].sizes["draw"] == 15


def row_groups_module() -> Any:
    import importlib

    return importlib.import_module("probrm.posterior.row_groups")


def test_numbers_of_rows_are_compressed(model: RewardModel, draws: dict[str, Tensor], rows: Rows, tmp_path: Path) -> None:
    path = write(tmp_path / "p.nc", posterior_groups(model, draws, rows=rows))
    assert torch.equal(read_posterior(path).draws["effects"], draws["effects"])
    file: Any = h5netcdf.File(path, "r")
    with file:
        assert file["log_likelihood"]["y"].compression == file["constant_data"]["x"].compression == "gzip"
        assert file["log_likelihood"]["y"].dtype == np.float32
        assert file["posterior"]["slopes"].compression is None  # a run's own file opens the sooner


def test_the_container_is_that_of_the_installed_arviz(
    model: RewardModel, draws: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = posterior_groups(model, draws, sample_stats=STATS, attrs={"seed": 7})
    assert isinstance(to_arviz(groups), arviz.InferenceData)
    monkeypatch.setattr(arviz, "__version__", "1.3.0")
    tree: Any = to_arviz(groups)
    assert isinstance(tree, xarray.DataTree)
    assert set(tree.children) == {"posterior", "sample_stats"}
    assert tree.attrs["seed"] == 7


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no")
    with pytest.raises(OSError, match=r".*"):
        read_posterior(tmp_path / "text.nc")
    xarray.DataTree().to_netcdf(tmp_path / "empty.nc", engine="h5netcdf")
    with pytest.raises(KeyError):
        read_posterior(tmp_path / "empty.nc")


_WITH_ARVIZ_1 = """
import importlib.util, json, sys
import arviz, xarray

spec = importlib.util.spec_from_file_location("shim", sys.argv[1])
shim = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shim)
opened = arviz.from_netcdf(sys.argv[2])
groups = {name: opened[name].to_dataset() for name in opened.children}
tree = shim.to_arviz(groups)
assert isinstance(opened, xarray.DataTree) and isinstance(tree, xarray.DataTree)
open(sys.argv[3], "wb").write(shim.netcdf_bytes(groups))
loo = arviz.loo(tree, pointwise=True)
found = {"version": arviz.__version__, "elpd": float(loo.elpd), "k": float(loo.pareto_k.max()), "seed": int(tree.attrs["seed"])}
print(json.dumps(found | {"labels": list(arviz.summary(tree, var_names=["slopes"], kind="stats").index)}))
"""


def arviz_1() -> str:
    """An interpreter that has ArviZ 1."""
    found = os.environ.get("PROBRM_ARVIZ1_PYTHON")
    if not found:
        pytest.skip("PROBRM_ARVIZ1_PYTHON names no Python (3.12 or later) that has ArviZ 1, h5netcdf, h5py and matplotlib")
    return found


@pytest.mark.filterwarnings("ignore:Estimated shape:UserWarning")  # of thirty draws there is no tail
def test_arviz_1_reads_the_file_and_the_shim_serves_it(model: RewardModel, draws: dict[str, Tensor], rows: Rows, tmp_path: Path) -> None:
    python = arviz_1()
    groups = posterior_groups(model, draws, sample_stats=STATS, history=HISTORY, rows=rows, attrs={"seed": 7})
    path = write(tmp_path / "p.nc", groups)
    command = [python, "-W", "ignore", "-c", _WITH_ARVIZ_1, shim.__file__ or "", str(path), str(tmp_path / "again.nc")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["version"].startswith("1.")
    assert found["seed"] == 7
    assert found["labels"] == ["slopes[a]", "slopes[b]"]
    theirs: Any = arviz.loo(to_arviz(groups), pointwise=True)
    assert found["elpd"] == pytest.approx(theirs.elpd_loo, abs=1e-3)
    assert found["k"] == pytest.approx(float(theirs.pareto_k.max()), abs=1e-3)
    assert torch.equal(read_posterior(tmp_path / "again.nc").draws["effects"], draws["effects"])
