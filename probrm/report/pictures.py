"""Which figure belongs into which section, by its name."""

from __future__ import annotations

import re

from probrm.report.blocks import Picture
from probrm.report.material import Material
from probrm.report.theme import caption_of, figure_markup
from probrm.report.words import inert, spaced

_PLACES = (
    ("training", ("training", "encoder", "elbo", "trace", "rank", "energy", "divergen", "chains")),
    ("calibration", ("calibration", "predictive", "ppc", "coverage", "reliability")),
    ("identifiability", ("identif", "direction", "pair_of", "profile", "modes", "overlap", "strata", "level", "swap")),
)


def place_of(name: str) -> str:
    """The section that shows the figure of that name; what says nothing of itself is about what was learned."""
    return next((place for place, words in _PLACES if any(word in name.lower() for word in words)), "learned")


def pictures(material: Material, place: str) -> list[Picture]:
    """The figures of one section, as markup."""
    found = []
    for i, (name, figure) in enumerate(material.figures.items()):
        if place_of(name) == place:
            title, note = map(inert, caption_of(figure))
            title = title or f"{spaced(name).capitalize()}."
            unique = f"figure-{i}-{re.sub(r'[^A-Za-z0-9]+', '-', name)}"
            found.append(Picture(figure_markup(figure, unique, f"{title} {note}".strip()), note, title))
    return found
