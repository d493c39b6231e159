"""From a TOML table to a prior and back; what is wrong in one is named."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass
from torch import Tensor

from probrm.priors import (
    Beta,
    Gamma,
    HalfCauchy,
    HalfNormal,
    Horseshoe,
    Laplace,
    LogNormal,
    Normal,
    Prior,
    PriorSlot,
    StudentT,
    as_prior,
    prior_names,
    prior_to_dict,
    register_prior,
)
from probrm.priors.base import _REGISTRY, SETTINGS

ALL = [
    Normal(0.5, 2.0),
    Normal(scale=HalfNormal(0.3)),
    StudentT(3.0, 0.0, Gamma(2.0, 5.0)),
    StudentT(3.0, 0.1, 2.0),
    Laplace(scale=HalfCauchy(0.2)),
    Horseshoe(0.05),
    Beta(1.0, 50.0),
    HalfNormal(2.0),
    HalfCauchy(0.1),
    Gamma(3.0, 2.0),
    LogNormal(-1.0, 0.5),
]


@pytest.mark.parametrize("prior", ALL, ids=repr)
def test_round_trip(prior: Any) -> None:
    table = prior_to_dict(prior)
    assert table["dist"] == type(prior).__name__
    assert as_prior(table) == prior


def test_every_name_has_defaults_and_round_trips() -> None:
    for name in prior_names():
        prior = as_prior({"dist": name})
        assert as_prior(prior_to_dict(prior)) == prior
        assert isinstance(prior, Prior)


def test_a_toml_table() -> None:
    table = tomllib.loads('weights = { dist = "Normal", scale = { dist = "Gamma", concentration = 3, rate = 2.0 } }')["weights"]
    assert as_prior(table) == Normal(0.0, Gamma(3.0, 2.0))


@pytest.mark.parametrize(
    ("name", "meant"), [("Horsesho", "Horseshoe"), ("normal", "Normal"), ("Student", "StudentT"), ("HalfNorm", "HalfNormal")]
)
def test_an_unknown_name_lists_the_valid_ones_and_the_one_meant(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"unknown prior '{name}'.*did you mean {meant}") as caught:
        as_prior({"dist": name})
    assert all(known in str(caught.value) for known in prior_names())


def test_a_name_like_none_of_them_gets_no_guess() -> None:
    with pytest.raises(ValueError, match="unknown prior 'zzz'; allowed names: Beta"):
        as_prior({"dist": "zzz"})


@pytest.mark.parametrize("value", [{}, {"scale": 1.0}, 3.0, "Normal", None, [1, 2]], ids=repr)
def test_what_is_no_prior_is_refused_with_the_names(value: Any) -> None:
    with pytest.raises(ValueError, match="Horseshoe"):
        as_prior(value)


def test_a_misspelt_field_is_named() -> None:
    with pytest.raises(ValueError, match="scal\n"):
        as_prior({"dist": "Normal", "scal": 2.0})


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf, "wide", True, None], ids=repr)
@pytest.mark.parametrize("name", ["Normal", "StudentT", "Laplace", "Horseshoe", "HalfNormal", "HalfCauchy", "LogNormal"])
def test_a_bad_scale_is_refused(name: str, bad: Any) -> None:
    if bad is True and name in ("Horseshoe", "HalfNormal", "HalfCauchy", "LogNormal"):
        pytest.skip("pydantic reads true as 1")
    with pytest.raises(ValueError, match="scale"):
        as_prior({"dist": name, "scale": bad})


@pytest.mark.parametrize(
    "table",
    [
        {"dist": "Beta", "concentration1": -1.0},
        {"dist": "Beta", "concentration0": math.nan},
        {"dist": "Beta", "concentration0": math.inf},
        {"dist": "Gamma", "rate": 0.0},
        {"dist": "Gamma", "concentration": math.inf},
        {"dist": "StudentT", "df": -3.0},
        {"dist": "Normal", "loc": math.nan},
        {"dist": "Laplace", "loc": math.inf},
        {"dist": "LogNormal", "loc": math.nan},
        {"dist": "Normal", "scale": {"dist": "HalfNormal", "scale": -1.0}},
        {"dist": "Normal", "scale": {"dist": "HalfNromal"}},
    ],
    ids=repr,
)
def test_a_bad_parameter_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"input|found|unknown"):
        as_prior(table)


@pytest.mark.parametrize("name", ["Normal", "StudentT", "Laplace"])
def test_a_scale_with_a_prior_goes_with_a_centre_of_zero(name: str) -> None:
    """The scale's evidence is taken from second moments about zero."""
    with pytest.raises(ValueError, match="loc = 0"):
        as_prior({"dist": name, "loc": 0.1, "scale": {"dist": "HalfNormal"}})
    assert as_prior({"dist": name, "loc": 0.1, "scale": 2.0}).loc == 0.1


def test_a_class_in_place_of_a_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="a prior is a table"):
        as_prior(Normal)


def test_a_distribution_of_pyro_or_torch_is_a_prior() -> None:
    assert isinstance(as_prior(dist.Laplace(0.0, 2.0)), Prior)
    assert isinstance(as_prior(torch.distributions.Laplace(0.0, 2.0)), Prior)
    with pytest.raises(ValueError, match="register_prior"):
        prior_to_dict(as_prior(dist.Laplace(0.0, 2.0)))


class Own:
    """A user's own prior, with nothing but ``sample``."""

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        return Normal(0.0, 3.0).sample(name, shape)


def test_an_object_of_the_users_own_is_a_prior_but_not_saved_unless_registered() -> None:
    own = Own()
    assert TypeAdapter(PriorSlot).validate_python(own) is own
    with pytest.raises(ValueError, match="register_prior"):
        prior_to_dict(own)


def test_a_registered_prior_of_the_users_own_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probrm.priors.base._REGISTRY", dict(_REGISTRY))

    @register_prior
    @dataclass(frozen=True, config=SETTINGS)
    class Spike(Own):
        width: float = 0.1

    assert "Spike" in prior_names()
    assert prior_to_dict(Spike(0.3)) == {"dist": "Spike", "width": 0.3}
    assert as_prior({"dist": "Spike", "width": 0.3}) == Spike(0.3)


@pytest.mark.parametrize("prior", [Normal, StudentT, Laplace])
def test_a_centre_with_a_learned_scale_is_refused(prior: Any) -> None:
    with pytest.raises(ValueError, match="allowed: loc = 0"):
        prior(loc=1.0, scale=HalfNormal(1.0))
    prior(loc=1.0, scale=0.5)


def test_a_prior_of_an_installed_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As TOML, the command line and saved runs name it; its module is imported when it is asked for."""
    (tmp_path / "flat_priors.py").write_text(
        "from dataclasses import dataclass\nimport pyro, pyro.distributions as dist\nfrom probrm.priors import register_prior\n\n"
        "@register_prior\n@dataclass(frozen=True)\nclass FlatOnUnit:\n    width: float = 1.0\n\n"
        "    def sample(self, name, shape=()):\n"
        "        return pyro.sample(name, dist.Uniform(0.0, self.width).expand(shape).to_event(len(shape)))\n"
    )
    (tmp_path / "flat_priors-1.dist-info").mkdir()
    (tmp_path / "flat_priors-1.dist-info" / "entry_points.txt").write_text("[probrm.priors]\nFlatOnUnit = flat_priors:FlatOnUnit\n")
    (tmp_path / "flat_priors-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-priors\nVersion: 1\n")
    with pytest.raises(ValueError, match="unknown prior 'FlatOnUnit'"):
        as_prior({"dist": "FlatOnUnit"})
    monkeypatch.syspath_prepend(tmp_path)
    prior = as_prior({"dist": "FlatOnUnit", "width": 2.0})
    try:
        assert prior.sample("x", (3,)).shape == (3,)
        assert prior_to_dict(prior) == {"dist": "FlatOnUnit", "width": 2.0}
    finally:
        _REGISTRY.pop("FlatOnUnit")
