from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from probrm.data.batch import Batch
from probrm.diagnostics.referee import referee
from probrm.errors import ConfigError
from probrm.guides.registry import AutoNormal
from probrm.inference import NUTS, Laplace
from probrm.model import RewardModel
from tests.probrm.fitted_rows import make_rows

BOUNDS = {"auto-normal": -12.0, "low-rank": -11.0, "full-rank": -10.0, "laplace": -13.0}


def normal(scale: float, seed: int, **stats: Any) -> Any:
    """1,000 draws of two weights from N(0, scale²)."""
    draws = scale * torch.randn(1000, 2, generator=torch.Generator().manual_seed(seed))
    return SimpleNamespace(draws={"weights": draws}, sample_stats=stats, chains=2)


class Recipe:
    """Posteriors made by hand: NUTS' is a standard normal, every guide's half as wide, its bound that of ``BOUNDS``."""

    refits_itself: ClassVar[bool] = True

    def __init__(self, model: RewardModel, spread: float = 0.0) -> None:
        self.model, self.spread, self.asked, self.settings = model, spread, [], []

    def refit(self, run: Any, batch: Batch, *, guide: Any, inference: Any, seed: int, progress: Any) -> Any:
        self.settings.append((guide, inference))
        guide = getattr(guide, "name", guide)
        inference = inference if isinstance(inference, NUTS) else getattr(inference, "name", inference)
        self.asked.append((guide, inference, len(batch), batch.total))
        if isinstance(inference, NUTS):
            found = normal(1.0, 1, diverging=torch.zeros(1000, dtype=torch.bool))
            found.draws["weights"][500:] += self.spread
            found.model = self.model
            return found
        return normal(0.5, 2, **densities(BOUNDS["laplace" if inference == "laplace" else guide]))


def densities(bound: float) -> dict[str, torch.Tensor]:
    return {"log_density": torch.full((1000,), bound - 3), "log_guide": torch.full((1000,), -3.0)}


def run_of(guide: str = "auto-normal", inference: str = "svi", changed: dict[str, Any] | None = None, **settings: Any) -> Any:
    run = normal(1.0, 3, **densities(-12.0))
    run.sampled, run.config = False, {"guide": {"name": guide}, "inference": {"name": inference, **settings}}
    vars(run).update(changed or {})
    return run


@pytest.fixture
def rows() -> Any:
    held_out = np.zeros(60, bool)
    held_out[:10] = True
    return make_rows(Batch({"x": torch.randn(60, 2), "y": torch.arange(60.0)}, 60), ["y"], held_out=held_out)


def test_where_all_rows_fit_the_runs_own_draws_are_judged(rows: Any, regression: Callable[..., RewardModel]) -> None:
    recipe = Recipe(regression(2))
    found = referee(run_of(), rows, recipe)
    assert (found.judged, found.refitted, found.rows, found.of_rows) == ("svi, auto-normal", False, 50, 50)
    assert [(guide, rows, total) for guide, _, rows, total in recipe.asked] == [
        ("auto-normal", 50, 50),
        ("low-rank", 50, 50),
        ("full-rank", 50, 50),
    ]
    assert recipe.asked[0][1] == NUTS(draws=500, chains=2)
    assert found.variables["weights"].verdict == "agrees"
    assert found.converged
    assert found.best == "full-rank"
    assert {name: bound.gap for name, bound in found.bounds.items()} == {"auto-normal": 2.0, "low-rank": 1.0, "full-rank": 0.0}
    told = json.loads(json.dumps(found.to_dict()))
    assert told["variables"]["weights"]["verdict"] == "agrees"
    assert told["converged"] is True


def test_of_more_rows_a_part_is_drawn_and_the_inference_itself_is_judged(rows: Any, regression: Callable[..., RewardModel]) -> None:
    recipe = Recipe(regression(2))
    found = referee(run_of("auto-normal", "laplace", draws=70, refit=False), rows, recipe, max_rows=30)
    assert (found.judged, found.refitted, found.rows, found.of_rows) == ("laplace", True, 30, 50)
    assert {(rows, total) for *_, rows, total in recipe.asked} == {(30, 30)}
    assert (AutoNormal(), Laplace(draws=70, refit=False)) in recipe.settings  # the run's own, not a default's
    assert found.variables["weights"].verdict == "too narrow"
    assert found.variables["weights"].sd_ratio_median == pytest.approx(0.5, abs=0.05)
    assert found.bounds.keys() == {"laplace", "auto-normal", "low-rank", "full-rank"}


def test_an_inference_that_a_refit_does_not_repeat_is_judged_on_all_rows_or_not_at_all(
    rows: Any, regression: Callable[..., RewardModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recipe, "refits_itself", False)
    assert referee(run_of(), rows, Recipe(regression(2))).rows == 50
    with pytest.raises(ConfigError, match="30 of the run's 50 rows would have to stand for all"):
        referee(run_of(), rows, Recipe(regression(2)), max_rows=30)


def test_a_referee_whose_chains_disagree_says_so(rows: Any, regression: Callable[..., RewardModel]) -> None:
    assert not referee(run_of(), rows, Recipe(regression(2), spread=4.0)).converged


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"sampled": True}, "sampled by NUTS"),
        ({"draws": {"weights": torch.ones(100, 2)}}, "point estimate"),
        ({"draws": {"weights": torch.randn(10, 800), "more": torch.randn(10, 201)}}, "1001 latents; NUTS is practical up to 1000"),
    ],
)
def test_what_it_has_nothing_to_say_about(changed: dict[str, Any], told: str, rows: Any, regression: Callable[..., RewardModel]) -> None:
    with pytest.raises(ConfigError, match=told):
        referee(run_of(changed=changed), rows, Recipe(regression(2)))


def test_a_model_that_is_fitted_in_one_way_only(rows: Any) -> None:
    class Alone:
        refits_itself: ClassVar[bool] = True

        def refit(self, *args: Any, **settings: Any) -> Any:
            raise NotImplementedError("model 'x' is fitted in one way only")

    with pytest.raises(ConfigError, match="--referee: model 'x' is fitted in one way only"):
        referee(run_of(), rows, Alone())
