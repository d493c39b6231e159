from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch

import probrm
from probrm.runs import Run, find_recipe
from probrm.runs.fitted_rows import FittedRows
from probrm_models.pair_figures import figures
from tests import pair_support


@pytest.fixture
def run() -> Run:
    return probrm.load(pair_support.run_path())


@pytest.fixture
def rows(run: Run) -> FittedRows:
    return find_recipe("bradley-terry").fitted_rows(run)


def test_weights_farthest_from_zero_come_first(run: Run) -> None:
    axes, table = figures(run)["reward_weights"].axes[0], run.summary()["reward_weights"]
    order = np.argsort(-np.abs(table.mean / table.sd))
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata()), table.mean[order])


def test_the_favoured_and_the_longer_response(run: Run, rows: FittedRows) -> None:
    made = figures(run, rows)
    assert {"posterior_predictive", "posterior_predictive_length", "calibration"} & made.keys() >= {"posterior_predictive", "calibration"}
    difference = run.model.difference(run.draws, rows.batch).sigmoid().mean(0).numpy()  # type: ignore[operator]
    panel = made["posterior_predictive"].axes[0]
    shares = np.asarray(panel.lines[1].get_xdata())
    counts = [int(label.get_text().rsplit("(", 1)[1].rstrip(")")) for label in panel.get_yticklabels()]
    assert np.dot(shares, counts) / sum(counts) == pytest.approx(np.mean(difference > 0.5), abs=0.02)  # 200 of the draws decide there
    for figure in made.values():
        figure.savefig(BytesIO(), format="png")


def test_ties_are_left_out(run: Run, rows: FittedRows) -> None:
    rows.batch["outcome"][: len(rows.batch) - 50] = 0.5
    made = figures(run, rows)
    assert "all rows (50)" in {axes.get_title(loc="left") for axes in made["calibration"].axes}  # type: ignore[call-overload]
    rows.batch["outcome"][:] = 0.5
    assert "calibration" not in figures(run, rows)
    assert torch.all(rows.batch["outcome"] == 0.5)
