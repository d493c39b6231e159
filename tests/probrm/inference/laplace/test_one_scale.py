"""Which weights follow which scale: read off the priors, and nothing where there is not one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from probrm.coordinates.scale_adaptation import ScaleAdaptive
from probrm.coordinates.scale_conditional import ScaleConditional
from probrm.data import Batch
from probrm.guides import Layout
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.laplace.one_scale import given_scale
from probrm.priors import HalfNormal, Horseshoe, Normal, StudentT
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors
from probrm_models.bradley_terry.model import BradleyTerryModel


def pairs(n: int = 60, d: int = 5) -> Batch:
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = torch.randn(2, n, d, generator=generator)
    outcome = (torch.rand(n, generator=generator) < ((chosen - rejected)[:, 0]).sigmoid()).float()
    return Batch({"chosen": chosen, "rejected": rejected, "outcome": outcome, "weight": torch.ones(n)}, n)


def placed(weights: Any) -> tuple[BradleyTerryModel, Layout, Any, Batch]:
    model, rows = BradleyTerryModel(PairShape(5, ties=True), BradleyTerryConfig(BradleyTerryPriors(weights=weights))), pairs()
    layout = Layout.of(model, rows)
    return model, layout, newton_laplace(model, rows, layout).coordinates, rows


@pytest.mark.parametrize("weights", [Normal(0.0, HalfNormal(1.0)), StudentT(4.0, 0.0, HalfNormal(1.0))], ids=["normal", "student"])
def test_centre_and_covariance_stay(weights: Any) -> None:
    model, layout, before, rows = placed(weights)
    after = given_scale(model, layout, copy.deepcopy(before), rows)
    assert isinstance(before, ScaleAdaptive)
    assert isinstance(after, ScaleConditional)
    assert after.count == 5  # not the ties' latent
    assert torch.allclose(after.loc, before.loc)
    # At the centre of the scale the others are as wide as they were, given it.
    scale = next(site.flat.start for site in layout.sites if site.hyper)
    rest = [i for i in range(layout.size) if i != scale]
    inverse = torch.linalg.inv(before.whitening.factor)
    expected = torch.linalg.inv((inverse.T @ inverse)[rest][:, rest])
    root = (after(torch.eye(layout.size).double()[rest]) - after.loc)[:, rest].T
    assert torch.allclose(root @ root.T, expected, atol=1e-6)


@pytest.mark.parametrize("weights", [Normal(0.0, 1.0), Horseshoe(0.3)], ids=["no scale", "many scales"])
def test_without_one_scale_coordinates_stay(weights: Any) -> None:
    model, layout, before, rows = placed(weights)
    assert given_scale(model, layout, before, rows) is before
