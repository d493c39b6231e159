"""``probrm posterior RUN --plots DIR``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt

from tests import pair_support, support
from tests.support import call


def test_every_figure_is_a_png_that_can_be_read() -> None:
    done = call("posterior", support.run_path(), "--plots", "figures")
    assert done.code == 0, done.err
    found = {path.stem: plt.imread(BytesIO(path.read_bytes())) for path in Path("figures").iterdir()}
    assert {"quantities", "directions", "propensity_effects", "user_activity", "level"} <= found.keys()
    assert all(picture.shape[1] >= 700 for picture in found.values())  # pixels
    assert all(picture[..., :3].std() > 0.01 for picture in found.values())  # not blank
    assert plt.get_fignums() == []


def test_figures_of_pairs() -> None:
    done = call("posterior", pair_support.run_path(), "--plots", "figures", "--quiet")
    assert done.code == 0, done.err
    assert {"reward_weights", "quantities"} <= {path.stem for path in Path("figures").iterdir()}
