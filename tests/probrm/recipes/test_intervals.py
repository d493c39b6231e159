"""Intervals of both sides of pairs and of their difference, of runs of either kind on files of either kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from probrm.config import build_config
from probrm.data import Batch, LogSpec, PairSpec
from probrm.errors import ConfigError, DataError
from probrm.recipes.intervals import interval_rows, pair_intervals
from probrm.recipes.pairs.shape import PairShape
from probrm.runs import find_recipe, load
from probrm_models.bradley_terry.model import BradleyTerryModel
from tests import pair_support, support


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with support.environment():
        yield


def test_against_the_normal_distribution() -> None:
    """Weights ~ N(m, S): rewards and differences are normal. 200,000 draws, within 5 standard errors of a quantile (.012 s)."""
    generator = torch.Generator().manual_seed(0)
    half = torch.randn(4, 4, generator=generator)
    mean = torch.tensor([1.0, -1.0, 0.5, 0.0])
    draws = {"reward_weights": mean + torch.randn(200_000, 4, generator=generator) @ half.T}
    chosen, rejected = torch.randn(2, 5, 4, generator=generator)
    batch = Batch({"chosen": chosen, "rejected": rejected, "outcome": torch.ones(5), "weight": torch.ones(5)}, 5)
    found = pair_intervals(BradleyTerryModel(PairShape(4)), draws, batch)
    covariance = (half @ half.T).double().numpy()
    for part, x in ((found.chosen, chosen), (found.rejected, rejected), (found.difference, chosen - rejected)):
        phi = x.double().numpy() / 2  # √4
        centre, sd = phi @ mean.double().numpy(), np.sqrt(np.einsum("nd,de,ne->n", phi, covariance, phi))
        for row, z in zip(part, (0.0, -1.6448536, 1.6448536), strict=True):
            assert (np.abs(row - centre - z * sd) < 0.012 * sd).all()


def test_a_run_fitted_to_pairs_on_pairs() -> None:
    run = load(pair_support.run_path())
    rows = interval_rows(run, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path(), baseline=True)
    assert rows.beside is None  # the deterministic model is a point
    assert rows.intervals.difference.shape == (3, 150)
    np.testing.assert_allclose(rows.intervals.difference[0], rows.intervals.chosen[0] - rows.intervals.rejected[0], atol=1e-4)
    found = rows.evaluate(None, bootstrap=20, seed=0)
    assert found.metrics["confident_true_joint"].value > found.metrics["confident_false_joint"].value


def test_a_run_fitted_to_pairs_on_labelled_answers(tmp_path: Path) -> None:
    """Each chosen answer labelled 1 and each other one 0: pairs within a prompt, of which the file's are a third."""
    frame: Any = pd.read_parquet(pair_support.other_path())
    both = pair_support.single_frame(frame).assign(label=np.repeat([1, 0], len(frame)))
    both.to_parquet(tmp_path / "labelled.parquet")
    run = load(pair_support.run_path())
    rows = interval_rows(run, str(tmp_path / "labelled.parquet"), LogSpec(), embeddings=pair_support.store_path())
    assert rows.rows.shape == (450, 2)  # 50 prompts of three liked and three other answers
    assert "450 pairs: every two answers to one prompt" in rows.notes[-1]
    pairs = interval_rows(run, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path())
    for (i, j), value in zip(rows.rows, rows.intervals.difference.T, strict=True):
        if j == i + len(frame):
            np.testing.assert_allclose(value, pairs.intervals.difference[:, i], atol=1e-4)


def test_a_run_fitted_to_a_log_on_both(tmp_path: Path) -> None:
    """The labels' pairs are the same rows as a file of those pairs; the naive model, which has a posterior, is compared."""
    run = load(support.short_run_path())
    log = interval_rows(run, support.truth_path(), LogSpec(), embeddings=support.store_path(), baseline=True)
    assert log.beside is not None
    frame: Any = pd.read_parquet(support.truth_path())
    liked, other = (frame.iloc[log.rows[:, side]] for side in (0, 1))
    assert (liked["label"] == 1).all()
    assert (other["label"] == 0).all()
    assert (liked["prompt"].to_numpy() == other["prompt"].to_numpy()).all()
    table = pd.DataFrame(
        {"prompt": liked["prompt"].to_numpy(), "chosen": liked["response"].to_numpy(), "rejected": other["response"].to_numpy()}
    )
    different = table["chosen"] != table["rejected"]
    table[different].to_parquet(tmp_path / "pairs.parquet")
    pairs = interval_rows(run, str(tmp_path / "pairs.parquet"), PairSpec(), embeddings=support.store_path())
    np.testing.assert_allclose(pairs.intervals.difference, log.intervals.difference[:, different.to_numpy()], atol=1e-4)
    np.testing.assert_allclose(pairs.intervals.chosen, log.intervals.chosen[:, different.to_numpy()], atol=1e-4)


def test_a_point_is_refused_even_where_it_is_repeated() -> None:
    recipe = find_recipe("bradley-terry")
    sets = ("guide.name=delta", "inference.name=svi", "inference.max_steps=20", "held_out=0")
    run = recipe.fit(pair_support.pairs_path(), build_config(recipe, sets=sets), embeddings=pair_support.store_path())
    with pytest.raises(ConfigError, match="run of model 'bradley-terry': one point of weights, which has no intervals"):
        interval_rows(run, pair_support.other_path(), PairSpec(), embeddings=pair_support.store_path())


def test_labels_that_are_alike_within_prompts_are_refused(tmp_path: Path) -> None:
    frame: Any = pair_support.single_frame(pd.read_parquet(pair_support.other_path()))
    frame.drop_duplicates("prompt").assign(label=1).to_parquet(tmp_path / "one.parquet")
    with pytest.raises(DataError, match="no prompt has an answer with label 1 and one with label 0: 50 labelled rows, 50 prompts"):
        interval_rows(load(pair_support.run_path()), str(tmp_path / "one.parquet"), LogSpec(), embeddings=pair_support.store_path())
