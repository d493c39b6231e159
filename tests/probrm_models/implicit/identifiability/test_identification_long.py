"""What the claims of the documentation rest on: starts that all arrive, ties that are always seen, labels that choose the right mode.

Each test prints its counts (``pytest -s -m long``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from probrm.guides import Layout
from probrm.inference.device import own_random_stream
from probrm.inference.laplace.modes import find_modes
from probrm.inference.laplace.newton import newton_laplace
from probrm.inference.rank_correlation import spearman
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import actions_alone, fit_implicit
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.mode_selection import Choice, choose
from probrm_models.implicit.model import ImplicitModel
from tests.probrm_models.implicit.identifiability.identification import Log, partly_different, shared

pytestmark = pytest.mark.long
SHARED = ImplicitConfig(share_embedding=True)


def test_partly_different_features_bring_every_start_home(simulations: Callable[[int, int], int]) -> None:
    """n = 20,000, d = 8, 20 random starts: each within .01 of the best reachable AUROC, and ``find_modes`` makes one mode of them."""
    log = partly_different(20_000)
    model = ImplicitModel(log.shape, ImplicitConfig(), log.batch.slice(0, 256))
    layout = Layout.of(model, log.batch)
    best = float(roc_auc_score(log.preference, log.gamma))
    rows = log.batch.to(dtype=torch.float64)
    gaps = []
    for seed in range(simulations(20, 5)):
        start = newton_laplace(model, log.batch, layout, spread=1.5, generator=torch.Generator().manual_seed(seed))
        reward = model.reward(layout.constrain(start.coordinates.loc), rows)
        gaps.append(best - float(roc_auc_score(log.preference, reward)))
    print("best", round(best, 4), "gaps", [round(gap, 4) for gap in gaps])
    assert max(gaps) < 0.01, "a start ended elsewhere"
    assert float(roc_auc_score(log.preference, log.mu)) < best - 0.1, "the setting is too easy: propensities rank as well"
    with own_random_stream(0):
        modes = find_modes(model, log.batch, layout, 8)
    assert [mode.hits for mode in modes] == [8]


def test_the_tie_of_shared_features_is_always_seen(simulations: Callable[[int, int], int]) -> None:
    """n = 3,000, d = 8, no labels, 20 logs: ``not identified``, one rival, and its reward is the other's propensity."""
    seen, logs = 0, simulations(20, 4)
    for seed in range(logs):
        log = shared(3000, seed=seed)
        found = fit_implicit(log.batch, log.shape, SHARED, inference="laplace", starts=3, seed=seed)
        apart = [_right(log, fitted.model.reward(fitted.draws, log.batch).mean(0)) for fitted in (found.fitted, *found.rivals)]
        seen += found.identifiability["verdict"] == "not identified" and sorted(apart) == [False, True]
    print("ties seen", seen, "of", logs)
    assert seen == logs


@dataclass
class Counts:
    """Of what was named in so many logs."""

    right: int = 0
    wrong: int = 0
    silent: int = 0
    refused: int = 0


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("labels", "least"), [(10, 0.9), (50, 1.0)])
def test_labels_choose_the_right_mode(labels: int, least: float, simulations: Callable[[int, int], int]) -> None:
    """n = 3,000, d = 8, labels on random rows, 100 logs. ``silent``: a wrong mode is named and no other is tied with it, so no note."""
    counts, logs = Counts(), simulations(100, 20)
    for seed in range(logs):
        log = shared(3000, seed=seed, labels=labels)
        choice, rewards = _chosen(log, seed)
        right = _right(log, rewards)
        if not choice.named:
            counts.refused += 1
        elif right:
            counts.right += 1
        else:
            counts.wrong += 1
            counts.silent += len(choice.tied) == 1
            print("wrong: log", seed, "probability", round(choice.candidates[0].probability, 3), "tied", len(choice.tied))
    print(labels, "labels:", counts)
    assert counts.right >= least * logs
    assert counts.silent == 0


def _chosen(log: Log, seed: int) -> tuple[Choice, Tensor]:
    """As ``fit_implicit`` chooses, without the fit; with the rewards of the mode in front."""
    model = ImplicitModel(log.shape, SHARED, log.batch.slice(0, 256))
    layout = Layout.of(model, log.batch)
    with own_random_stream(seed):
        modes = find_modes(model, actions_alone(log.batch), layout, 3)
    choice = choose(model, log.batch, layout, modes, Assumptions())
    values = layout.constrain(choice.candidates[0].mode.loc)
    return choice, model.reward(values, log.batch.to(dtype=torch.float64))


def _right(log: Log, rewards: Tensor) -> bool:
    """Whether rewards rank as the true preferences do rather than as the true propensities."""
    return spearman(rewards, log.gamma) > spearman(rewards, log.mu)
