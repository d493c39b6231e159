"""Matplotlib figures as inline SVG whose colours follow the page's theme."""

from __future__ import annotations

import base64
import re
from io import BytesIO, StringIO
from typing import Any

from markupsafe import Markup, escape

LARGEST = 300_000
"""Bytes of SVG above which a figure becomes a picture of pixels."""
PALETTE = {
    "#0072b2": "blue",
    "#56b4e9": "sky",
    "#d55e00": "vermillion",
    "#e69f00": "orange",
    "#009e73": "green",
    "#cc79a7": "purple",
    "#f0e442": "yellow",
}
"""Okabe and Ito's colours, which colour-blind readers can distinguish → the style sheet's variables. Greys differ in lightness."""
_GREYS = ((0.25, "ink"), (0.75, "muted"), (0.97, "line"), (1.01, "paper"))

_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'\bid="([^"]*)"')
_REFERENCE = re.compile(r'url\(#([^)"]*)\)|xlink:href="#([^"]*)"')
_COLOUR = re.compile(r"(?<=[:\s\"])#[0-9a-f]{6}\b", re.IGNORECASE)
_FONT = re.compile(r"(font:[^;\"]*?\d+(?:\.\d+)?px )[^;\"]*")
_FAMILY = re.compile(r"font-family:[^;\"]*")


def caption_of(figure: Any) -> tuple[str, str]:
    """``(title, note)``: what a figure says above and below its axes, which is taken out of it: the page has captions, and text that wraps."""
    title, note = figure.get_suptitle(), figure.get_supxlabel()
    titles = [(axes, where) for axes in figure.get_axes() for where in ("left", "center", "right") if axes.get_title(where)]
    if title:
        figure.suptitle("")
        if note:
            figure.supxlabel("")
    elif len(titles) == 1:
        axes, where = titles[0]
        title, _, note = axes.get_title(where).partition("\n")
        axes.set_title("", loc=where)
    else:
        note = ""
    return _sentence(title), _sentence(note)


def _sentence(text: str) -> str:
    text = " ".join(text.replace("-\n", "-").split()).replace(r"\$", "$").rstrip(".")
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in "?!" else ".")


def figure_markup(figure: Any, name: str, caption: str) -> Markup:
    """A figure as markup that can stand in a page beside others.

    Args:
        figure: of matplotlib.
        name: unique in the page, letters, digits and ``-``; all ids inside begin with it.
        caption: read out to those who cannot see it.
    """
    import matplotlib as mpl

    text = StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = themed(text.getvalue(), name, caption)
    return drawn if len(drawn.encode()) <= LARGEST else _pixels(figure, caption)


def themed(svg: str, prefix: str, caption: str) -> Markup:
    """Matplotlib's SVG file as an element of an HTML page: ids are prefixed, colours are variables, nothing else on the page changes."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = _TAG.sub(lambda tag: _tag(tag[0], prefix), svg)
    label = f'<svg class="plot" role="img" aria-label="{escape(caption)}" '
    return Markup(label + svg.removeprefix("<svg "))


def _tag(tag: str, prefix: str) -> str:
    tag = _ID.sub(rf'id="{prefix}-\1"', tag)
    tag = _REFERENCE.sub(lambda found: f"url(#{prefix}-{found[1]})" if found[1] is not None else f'xlink:href="#{prefix}-{found[2]}"', tag)
    tag = _COLOUR.sub(_variable, tag)
    tag = _FAMILY.sub("font-family: var(--font)", _FONT.sub(r"\1var(--font)", tag))
    if tag.startswith("<svg"):
        size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', tag)
        tag = re.sub(r' (?:width|height)="[^"]*"', "", tag)
        if size:  # points → CSS pixels: as large as it was drawn, smaller on a phone
            tag = tag.removesuffix(">") + f' style="max-width: {float(size[1]) * 4 / 3:.0f}px">'
    return tag


def _variable(found: re.Match[str]) -> str:
    colour = found[0].lower()
    if colour in PALETTE:
        return f"var(--{PALETTE[colour]})"
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    if max(red, green, blue) - min(red, green, blue) > 0.03:
        return colour
    return f"var(--{next(name for end, name in _GREYS if red < end)})"


def _pixels(figure: Any, caption: str) -> Markup:
    image = BytesIO()
    figure.savefig(image, format="png", dpi=120, facecolor="white")
    data = base64.b64encode(image.getvalue()).decode()
    return Markup(f'<img class="plot pixels" alt="{escape(caption)}" src="data:image/png;base64,{data}">')
