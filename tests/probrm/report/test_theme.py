from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
from matplotlib.figure import Figure

from probrm.report.theme import LARGEST, caption_of, figure_markup


def plot(label: str = "of something", points: int = 5) -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    rng = np.random.default_rng(0)
    axes.plot(rng.normal(size=points), rng.normal(size=points), "o", color="#0072B2", label=label)
    axes.plot([0, 1], color="#123456")
    axes.set_title("What one sees\nand how to read it")
    axes.legend()
    return figure


def test_ids_of_two_figures_never_meet_and_references_lead_somewhere() -> None:
    both = [figure_markup(plot(), name, "a figure") for name in ("figure-a", "figure-b")]
    ids = [re.findall(r'\bid="([^"]*)"', markup) for markup in both]
    assert ids[0]
    assert len(set(ids[0] + ids[1])) == len(ids[0] + ids[1])
    for markup, own in zip(both, ids, strict=True):
        wanted = re.findall(r'url\(#([^)"]*)\)|href="#([^"]*)"', markup)
        assert wanted
        assert {a or b for a, b in wanted} <= set(own)
        ElementTree.fromstring(markup)


def test_colours_follow_the_page() -> None:
    markup = figure_markup(plot(), "f", "a figure")
    assert "var(--blue)" in markup
    assert "var(--ink)" in markup
    assert "#0072b2" not in markup.lower()
    assert "#000000" not in markup
    assert "#123456" in markup  # a colour that nobody knows stays what it is
    assert "<style" not in markup  # it would be the whole page's
    assert "DejaVu" not in markup


def test_the_title_becomes_the_caption() -> None:
    figure = plot()
    assert caption_of(figure) == ("What one sees.", "And how to read it.")
    assert "What one sees" not in figure_markup(figure, "f", "")
    figure = plot()
    figure.suptitle("Does it happen\nas often?")
    figure.supxlabel("held-\nout rows cost \\$5")
    assert caption_of(figure) == ("Does it happen as often?", "Held-out rows cost $5.")


def test_labels_are_no_markup() -> None:
    markup = figure_markup(plot("<script>alert(\"id='x'\")</script> url(#y) #0072b2"), "f", '"><script>alert(1)</script>')
    assert "<script" not in markup
    assert "&lt;script&gt;alert" in markup
    root = ElementTree.fromstring(markup)
    assert root.attrib["aria-label"] == '"><script>alert(1)</script>'
    assert any("url(#y) #0072b2" in (element.text or "") for element in root.iter())  # text stays text


def test_a_figure_of_very_many_points_becomes_pixels() -> None:
    markup = figure_markup(plot(points=20_000), "f", 'say "a"')
    assert markup.startswith('<img class="plot pixels" alt="say &#34;a&#34;" src="data:image/png;base64,')
    assert len(markup) < LARGEST


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert figure_markup(plot(), "f", "a") == figure_markup(plot(), "f", "a")
