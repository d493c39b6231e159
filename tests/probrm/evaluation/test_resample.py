from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import ConfigError
from probrm.evaluation import binary_metrics
from probrm.evaluation.resample import Resamples


def test_every_resample_draws_as_many_clusters_as_there_are():
    counts = np.concatenate(list(Resamples(7, 30, 500, seed=3)))
    assert counts.shape == (500, 7)
    assert np.all(counts.sum(axis=1) == 7)
    # Multinomial(7, 1/7): mean 1, variance 6/7; within five standard errors over 3,500 cells.
    assert abs(counts.mean(axis=0) - 1).max() < 5 * np.sqrt(6 / 7 / 500)
    assert abs(counts.var() - 6 / 7) < 0.12


def test_the_same_resamples_again_whatever_the_size_of_the_blocks():
    small, large = Resamples(101, 101, 300, seed=1), Resamples(101, 40_000, 300, seed=1)
    assert len(list(small)) < len(list(large))
    np.testing.assert_array_equal(np.concatenate(list(small)), np.concatenate(list(large)))
    np.testing.assert_array_equal(np.concatenate(list(small)), np.concatenate(list(small)))
    assert not np.array_equal(np.concatenate(list(small)), np.concatenate(list(Resamples(101, 101, 300, seed=2))))


def test_a_negative_number_is_refused():
    with pytest.raises(ConfigError, match="bootstrap: found -1"):
        Resamples(3, 3, -1, seed=0)


def _clustered(generator: np.random.Generator, prompts: int, each: int):
    """What is predicted is mostly shared by a prompt's rows, and so is an effect (sd 1.5) that the predictions know nothing of."""
    effect = np.repeat(1.5 * generator.normal(size=prompts), each)
    x = np.repeat(generator.normal(size=prompts), each) + 0.5 * generator.normal(size=prompts * each)
    truth = (generator.random(x.size) < 1 / (1 + np.exp(-x - effect))).astype(float)
    return truth, 1 / (1 + np.exp(-x)), np.repeat(np.arange(prompts), each)


def test_intervals_hold_the_population_value_at_their_rate_and_not_if_rows_are_drawn():
    """200 data sets of 60 prompts with 12 answers each; the binomial standard error of the rate is 0.021.

    The cluster bootstrap must hold the population's value in 90 % within three of these (and 0.02 for the known slight
    narrowness of percentile intervals at 60 clusters). The negative control draws rows instead, on the same data: its rate must
    be more than six standard errors too low.
    """
    generator = np.random.default_rng(20)
    truth, probability, groups = _clustered(generator, 40_000, 12)
    population = {name: metric.value for name, metric in binary_metrics(truth, probability, groups=groups, bootstrap=0).items()}
    names = ("auroc", "nll", "brier", "pair_accuracy")
    held, held_by_rows = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for seed in range(200):
        truth, probability, groups = _clustered(generator, 60, 12)
        by_prompt = binary_metrics(truth, probability, groups=groups, bootstrap=200, seed=seed)
        by_row = binary_metrics(truth, probability, bootstrap=200, seed=seed)
        for name in names:
            held[name] += by_prompt[name].low <= population[name] <= by_prompt[name].high
            held_by_rows[name] += by_row[name].low <= population[name] <= by_row[name].high
    for name in names:
        assert 0.90 - 0.02 - 3 * 0.021 <= held[name] / 200 <= 0.90 + 3 * 0.021, (name, held)
    assert max(held_by_rows[name] for name in ("auroc", "nll", "brier")) / 200 < 0.90 - 6 * 0.021, held_by_rows
