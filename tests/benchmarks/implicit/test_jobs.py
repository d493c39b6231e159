from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.implicit.data import SYNTHETIC_ROWS, Answers, synthetic
from benchmarks.implicit.jobs import Job, job_of, reduced
from benchmarks.implicit.tasks import Task
from probrm.evaluation import binary_metrics

TASK = Task("synthetic", "independent", 10, 0, "")


@pytest.fixture(scope="module")
def answers() -> Answers:
    return synthetic(0, 800)


def job(answers: Answers, **changed: object) -> Job:
    return job_of(answers, replace(TASK, **changed))  # type: ignore[arg-type]


def test_no_prompt_is_on_two_sides(answers: Answers) -> None:
    """The first column is the prompt's code: whatever its units become, it tells prompts apart."""
    vectors = answers.vectors.copy()
    vectors[:, 0] = answers.prompt
    found = job(replace(answers, vectors=vectors))
    held = torch.from_numpy(found.held_out)
    rest = torch.from_numpy(np.setdiff1d(np.arange(len(found.data)), found.held_out))
    parts = [found.data["embedding"][held, 0], found.data["embedding"][rest, 0], found.test["embedding"][:, 0]]
    prompts = [set(part.tolist()) for part in parts]
    assert sum(map(len, prompts)) == len(set.union(*prompts)) == len(set(answers.prompt))
    assert len(found.data) + len(found.test) == len(answers)
    assert 0.15 < len(found.test) / len(answers) < 0.35
    assert 0.03 < len(held) / len(found.data) < 0.2


def test_the_seed_moves_everything_and_the_method_nothing(answers: Answers) -> None:
    one, same, other = job(answers), job(answers, method="ips"), job(answers, seed=1)
    for name in one.data.columns:
        assert torch.equal(one.data[name].nan_to_num(7), same.data[name].nan_to_num(7)), name
    assert len(one.test) != len(other.test) or not torch.equal(one.test["embedding"], other.test["embedding"])
    assert not torch.equal(one.data["action"][:100], other.data["action"][:100])


def test_labels_are_the_truth_nested_and_nothing_else_changes(answers: Answers) -> None:
    jobs = [job(answers, anchors=count) for count in (0, 10, 50)]
    labelled = [~one.data["label"].isnan() for one in jobs]
    assert [int(rows.sum()) for rows in labelled] == [0, 10, 50]
    assert labelled[2][labelled[1]].all()
    for one, rows in zip(jobs, labelled, strict=True):
        assert torch.equal(one.data["label"][rows], one.good[rows])
        assert torch.equal(one.data["action"], jobs[0].data["action"])


def test_mechanisms_share_split_crowd_and_labels(answers: Answers) -> None:
    one, other = job(answers), job(answers, mechanism="user")
    for name in ("embedding", "user", "propensity_covariates"):
        assert torch.equal(one.data[name], other.data[name])
    assert torch.equal(one.data["label"].nan_to_num(7), other.data["label"].nan_to_num(7))
    assert not torch.equal(one.propensity, other.propensity)


def test_actions_are_on_good_answers_alone(answers: Answers) -> None:
    found = job(answers)
    assert not found.data["action"][found.good == 0].any()
    assert found.propensity.mean() == pytest.approx(0.2, abs=1e-6)
    assert set(found.test.columns) == {"embedding", "reward_covariates", "weight"}  # no action, no truth


def test_components_keep_distances_and_see_the_training_rows_alone() -> None:
    """Of 100 columns of rank 5 the components lose nothing: inner products stay, up to the one common factor."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(300, 5)) @ draw.normal(size=(5, 100)) + 3
    found = reduced(rows[:200], rows)
    assert found.shape == (300, 64)
    assert (found[:200] ** 2).mean() == pytest.approx(1, rel=1e-4)
    scaled = (rows - rows[:200].mean(0)) / rows[:200].std(0)
    np.testing.assert_allclose(found @ found.T, scaled @ scaled.T * 64 / 100, atol=1e-2)
    changed = rows.copy()
    changed[200:] += 10
    np.testing.assert_allclose(reduced(rows[:200], changed)[:200], found[:200], atol=1e-5)


def test_the_synthetic_truth_is_what_it_says() -> None:
    """Verdicts come from the probabilities (5 standard errors), whose AUROC is about .87; the best constant is ln 2."""
    found = synthetic(3)
    assert found.probability is not None
    assert len(found) == SYNTHETIC_ROWS
    p = found.probability
    assert abs(found.good.sum() - p.sum()) < 5 * np.sqrt((p * (1 - p)).sum())
    auroc = binary_metrics(found.good, p, bootstrap=0)["auroc"].value
    assert 0.84 < auroc < 0.90
    assert sorted(set(found.rating)) == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(found.good, found.rating >= 4)


def test_rows_that_users_chose_keep_their_answers_and_the_randomised_ones_are_labelled() -> None:
    """The first column is the answer's truth: it stays with the row through choice, features and labels."""
    answers = synthetic(0, 4000)
    vectors = answers.vectors.copy()
    vectors[:, 0] = answers.good
    found, every = (job(replace(answers, vectors=vectors), mechanism=name, anchors=0) for name in ("selected", "constant"))
    n = len(found.data)
    assert n < len(every.data) / 2
    assert torch.equal(found.data["embedding"][:, 0] > 0, found.good == 1)
    labelled = ~found.data["label"].isnan()
    assert 0.1 < labelled.float().mean() < 0.2
    assert torch.equal(found.data["label"][labelled], found.good[labelled])
    assert found.good[~labelled].mean() > found.good[labelled].mean() + 0.2
    assert not (found.data["action"] * (1 - found.good)).any()
    assert len(found.propensity) == n > found.held_out.max()
    assert torch.equal(found.test["embedding"], every.test["embedding"])
