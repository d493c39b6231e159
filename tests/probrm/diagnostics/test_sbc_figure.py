"""The figure of rank histograms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from scipy import stats

from probrm.diagnostics import Ranks
from probrm.diagnostics.sbc_figure import sbc_figure

UNIFORM = np.arange(200) % 100
BOWL = np.where(np.arange(200) % 2, UNIFORM % 10, 99 - UNIFORM % 10)


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_bars_band_and_verdict(tmp_path: Path) -> None:
    figure = sbc_figure({"nuts": Ranks(99, {"a": UNIFORM, "b": BOWL}), "svi": Ranks(99, {"b": UNIFORM})})
    figure.savefig(tmp_path / "sbc.png")
    a, b, empty, quiet = figure.axes
    assert [bar.get_height() for bar in bars(a)] == [20.0] * 10
    band = np.asarray(a.collections[0].get_paths()[0].vertices)
    assert (band[:, 1].min(), band[:, 1].max()) == stats.binom.interval(0.99, 200, 0.1)
    assert to_hex(bars(a)[0].get_facecolor()) == to_hex(bars(quiet)[0].get_facecolor()) != to_hex(bars(b)[0].get_facecolor())
    assert bars(b)[0].get_hatch()  # distinguished without colours too
    assert not empty.axison
    assert [axes.get_title() for axes in (a, b)] == ["a", "b"]


def test_one_way_of_inference() -> None:
    assert len(sbc_figure(Ranks(3, {"a": np.arange(40) % 4}), bins=10).axes) == 1
