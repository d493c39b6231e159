from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import arviz
import h5netcdf
import numpy as np
import pytest
import torch
from torch import Tensor

from probrm.model import RewardModel
from probrm.posterior import netcdf_bytes, read_draws, to_arviz


@pytest.fixture
def draws() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "rate": torch.rand(30, generator=generator),
        "slopes": torch.randn(30, 2, generator=generator),
        "effects": torch.randn(30, 3, generator=generator),
        "matrix": torch.randn(30, 2, 2, generator=generator),
    }


def test_names(two_rates: Callable[..., RewardModel], draws: dict[str, Tensor]) -> None:
    data = to_arviz(two_rates(3), draws, {"seed": 7, "model": "two-rates"})
    posterior = data["posterior"]
    assert posterior["rate"].dims == ("chain", "draw")
    assert posterior["slopes"].dims == ("chain", "draw", "feature")
    assert list(posterior["feature"].values) == ["a", "b"]
    assert posterior["effects"].sel(user="2").shape == (1, 30)
    assert posterior["matrix"].shape == (1, 30, 2, 2)
    assert data.attrs == {"seed": 7, "model": "two-rates"}


def test_a_site_that_the_draws_lack_leaves_no_coordinates(two_rates: Callable[..., RewardModel], draws: dict[str, Tensor]) -> None:
    assert "user" not in to_arviz(two_rates(3), {"slopes": draws["slopes"]})["posterior"].coords


def test_names_that_hdf5_cannot_hold(
    two_rates: Callable[..., RewardModel], draws: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = two_rates(3)
    monkeypatch.setattr(model, "coords", lambda: {"feature": ["a", "b"], "user": ["x\0y", "é 日本", ""]})
    data = to_arviz(model, draws)
    assert list(data["posterior"]["user"].values) == ["x�y", "é 日本", ""]
    assert len(netcdf_bytes(data)) > 0


def test_to_the_bit_through_a_file(two_rates: Callable[..., RewardModel], draws: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    path.write_bytes(netcdf_bytes(to_arviz(two_rates(3), draws, {"seed": 7})))
    found = read_draws(path)
    assert found.keys() == draws.keys()
    assert all(torch.equal(found[name], draws[name]) and found[name].dtype == torch.float32 for name in draws)
    opened = arviz.from_netcdf(str(path))
    np.testing.assert_array_equal(opened["posterior"]["effects"].values[0], draws["effects"].numpy())
    assert list(opened["posterior"]["user"].values) == ["0", "1", "2"]
    assert opened.attrs["seed"] == 7
    assert arviz.summary(opened, var_names=["slopes"]).index.tolist() == ["slopes[a]", "slopes[b]"]


def test_chains_are_concatenated(tmp_path: Path) -> None:
    data = arviz.from_dict(posterior={"x": np.arange(12.0).reshape(2, 3, 2)})
    (tmp_path / "p.nc").write_bytes(netcdf_bytes(data))
    assert read_draws(tmp_path / "p.nc")["x"].tolist() == np.arange(12.0).reshape(6, 2).tolist()


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("no")
    with pytest.raises(OSError, match=r".*"):
        read_draws(tmp_path / "text.nc")
    h5netcdf.File(tmp_path / "empty.nc", "w").close()
    with pytest.raises(KeyError):
        read_draws(tmp_path / "empty.nc")
