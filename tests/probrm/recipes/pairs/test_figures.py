from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch

import probrm
from probrm.recipes.pairs.figures import figures
from probrm.recipes.row_figures import left_out
from probrm.runs import Run, find_recipe
from probrm.runs.fitted_rows import FittedRows
from tests import pair_support


@pytest.fixture
def run() -> Run:
    return probrm.load(pair_support.run_path())


@pytest.fixture
def rows(run: Run) -> FittedRows:
    return find_recipe("bradley-terry").fitted_rows(run)


def test_weights_farthest_from_zero_come_first(run: Run) -> None:
    axes, table = figures(run, weights={"reward_weights": "Weights"})["reward_weights"].axes[0], run.summary()["reward_weights"]
    order = np.argsort(-np.abs(table.mean / table.sd))
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata()), table.mean[order])


def test_the_favoured_and_the_longer_response(run: Run, rows: FittedRows) -> None:
    for i, text in enumerate(rows.texts):
        text["chosen"] += "!" * (i % 5)  # type: ignore[index]
    made = figures(run, rows)
    assert {"posterior_predictive", "calibration"} <= made.keys()
    gap = np.array([len(text["chosen"]) - len(text["rejected"]) for text in rows.texts])
    panel = made["posterior_predictive"].axes[0]
    shares = np.asarray(panel.lines[1].get_xdata())
    counts = [int(label.get_text().rsplit("(", 1)[1].rstrip(")")) for label in panel.get_yticklabels()]
    assert np.dot(shares, counts) / sum(counts) == pytest.approx(np.mean(gap[gap != 0] > 0))
    _, given, _ = left_out(run, rows)
    dots = made["calibration"].axes[0].lines[1]
    assert np.min(np.asarray(dots.get_xdata())) >= 0.5
    assert np.mean(given > 0.5) == pytest.approx(np.mean(np.asarray(dots.get_ydata())), abs=0.03)
    for figure in made.values():
        figure.savefig(BytesIO(), format="png")


def test_ties_are_left_out(run: Run, rows: FittedRows) -> None:
    rows.batch["outcome"][: len(rows.batch) - 50] = 0.5
    made = figures(run, rows)
    assert "pairs (50)" in {axes.get_title(loc="left") for axes in made["calibration"].axes}  # type: ignore[call-overload]
    rows.batch["outcome"][:] = 0.5
    assert "calibration" not in figures(run, rows)
    assert torch.all(rows.batch["outcome"] == 0.5)
