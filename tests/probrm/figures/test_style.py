from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from probrm.figures import save_png, style
from probrm.figures.style import canvas, short, spread_out


def test_series_differ_without_their_hues() -> None:
    """In line or marker, and the first three in lightness too."""
    assert len({(str(line), marker) for _, line, marker in style.SERIES}) == len(style.SERIES)
    lightness = [np.dot(to_rgb(colour), [0.2126, 0.7152, 0.0722]) for colour in (style.BLUE, style.AMBER, style.INK)]
    assert min(abs(a - b) for i, a in enumerate(lightness) for b in lightness[:i]) > 0.1


def test_nothing_global_is_left() -> None:
    save_png(canvas(2.0, "t", "n")[0])
    assert plt.get_fignums() == []


def test_a_png_is_white_behind() -> None:
    from io import BytesIO

    picture = plt.imread(BytesIO(save_png(canvas(2.0, "t")[0], dpi=50)))
    np.testing.assert_array_equal(picture[0, 0], 1)


def test_names_keep_both_ends() -> None:
    assert short("a" * 30 + "b" * 30, 12) == "a" * 7 + "…" + "b" * 4
    assert short("as it is") == "as it is"


def test_positions() -> None:
    assert spread_out(3, 5).tolist() == [0, 1, 2]
    assert spread_out(0, 5).tolist() == []
    found = spread_out(1000, 7)
    assert (len(found), found[0], found[-1]) == (7, 0, 999)
