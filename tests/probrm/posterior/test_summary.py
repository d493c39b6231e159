from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pytest
import torch

from probrm.model import RewardModel
from probrm.posterior import netcdf_bytes, posterior_groups, summarise


def test_numbers_names_and_order(two_rates: Callable[..., RewardModel]) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = {
        "slopes": torch.randn(1000, 2, generator=generator),
        "effects": torch.randn(1000, 5, generator=generator),
        "rate": torch.rand(1000, generator=generator),
        "effects_scale": torch.rand(1000, generator=generator),
    }
    table = summarise(two_rates(5), draws)
    assert list(table) == ["effects", "effects_scale", "rate", "slopes"]  # by name, whatever the order of fitting or loading
    assert table["slopes"].coords == {"feature": ["a", "b"]}
    assert table["effects"].coords == {"user": ["0", "1", "2", "3", "4"]}
    assert table["rate"].coords == table["effects_scale"].coords == {}
    for name, variable in table.items():
        x = draws[name].double().numpy()
        np.testing.assert_allclose(variable.mean, x.mean(0))
        np.testing.assert_allclose(variable.sd, x.std(0, ddof=1))
        np.testing.assert_allclose([variable.low, variable.high], np.quantile(x, [0.05, 0.95], axis=0))
    as_json = json.loads(json.dumps(table["slopes"].to_dict()))
    assert as_json.keys() == {"mean", "sd", "low", "high", "coords"}
    assert len(as_json["mean"]) == 2
    assert isinstance(table["rate"].to_dict()["mean"], float)


def test_many_draws_lose_no_digits(regression: Callable[..., RewardModel]) -> None:
    """In float32 a mean near 1e6 would have a deviation of nothing."""
    draws = {"weights": 1e6 + torch.tensor([[0.0], [1.0]]).repeat(5000, 1)}
    variable = summarise(regression(1), draws)["weights"]
    np.testing.assert_allclose([variable.mean[0], variable.sd[0]], [1e6 + 0.5, 0.5], rtol=1e-4)


def chains(count: int, each: int) -> dict[str, torch.Tensor]:
    """Autocorrelated draws of several chains, chain after chain."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(each, count, 4, generator=generator)
    for i in range(1, each):
        noise[i] += 0.7 * noise[i - 1]
    x = noise.transpose(0, 1).reshape(count * each, 4)
    return {"slopes": x[:, :2].contiguous(), "rate": x[:, 2].sigmoid(), "effects_scale": x[:, 3].exp()}


@pytest.mark.parametrize("count", [2, 4])
def test_numbers_are_those_of_arviz_on_the_exported_file(count: int, two_rates: Callable[..., RewardModel], tmp_path: Path) -> None:
    """Mean, deviation, central interval, effective draws and R̂; ArviZ computes the first two in the file's own single precision."""
    draws, model = chains(count, 300), two_rates(5)
    table = summarise(model, draws, count, sampled=True)
    (tmp_path / "draws.nc").write_bytes(netcdf_bytes(posterior_groups(model, draws, chains=count)))
    data = arviz.from_netcdf(tmp_path / "draws.nc")
    posterior: Any = data["posterior"]
    theirs: Any = arviz.summary(data, round_to="none", kind="all")
    ends = posterior.quantile([0.05, 0.95], dim=("chain", "draw"))
    seen = 0
    for name, variable in table.items():
        assert variable.ess_bulk is not None
        for i, label in enumerate([name] if variable.mean.ndim == 0 else [f"{name}[{x}]" for x in "ab"]):
            for ours, column in (("mean", "mean"), ("sd", "sd"), ("ess_bulk", "ess_bulk"), ("ess_tail", "ess_tail"), ("r_hat", "r_hat")):
                assert np.ravel(getattr(variable, ours))[i] == pytest.approx(theirs.loc[label, column], rel=1e-4), (label, column)
            low, high = ends[name].values.reshape(2, -1)[:, i]
            assert (np.ravel(variable.low)[i], np.ravel(variable.high)[i]) == pytest.approx((low, high), rel=1e-5)
            assert variable.ess_bulk.max() < 0.5 * 300 * count  # they do depend on each other
            seen += 1
    assert seen == len(theirs) == 4
    assert json.loads(json.dumps(table["slopes"].to_dict())).keys() >= {"ess_bulk", "ess_tail", "r_hat"}


def test_draws_of_a_guide_have_no_r_hat(two_rates: Callable[..., RewardModel]) -> None:
    for variable in summarise(two_rates(5), chains(2, 50), 2).values():
        assert (variable.ess_bulk, variable.ess_tail, variable.r_hat) == (None, None, None)


def test_looking_at_guides_draws_does_not_import_arviz() -> None:
    """Two seconds that only a sampler's summary is to wait for."""
    code = (
        "import sys, torch; from types import SimpleNamespace; from probrm.posterior import summarise\n"
        "summarise(SimpleNamespace(axes=lambda site, shape: {}), {'a': torch.randn(9)})\n"
        "assert 'arviz' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
