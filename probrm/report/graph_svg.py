"""The generative process as a picture: priors written at the nodes, observed nodes shaded, plates framed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from markupsafe import Markup

from probrm.report.layers import Layout, lay_out
from probrm.report.structure import Node, Structure
from probrm.report.words import inert

_GAP_X, _GAP_Y, _LINE, _PAD, _MARGIN = 22, 54, 16, 12, 18
_LETTER = 6.95
"""Pixels that a letter of the monospaced lines takes at 11.5 px."""
_BOLD = 8.2
"""And of the name, above them."""
_LONGEST = 22


def graph_markup(graph: Structure, rows: int | None = None) -> Markup:
    """An SVG element of the graph.

    Args:
        graph: of the model.
        rows: how many there are, told at the plate.
    """
    zones = _zones(graph)
    layout = lay_out(list(zones.values()), graph.edges)
    texts = {node.name: _texts(node) for node in graph.nodes}
    longest = max(max(_BOLD * len(lines[0]), *(_LETTER * len(line) for line in lines)) for lines in texts.values())
    width = max(longest + 2 * _PAD, 120.0)
    height = _LINE * max(len(lines) for lines in texts.values()) + 2 * _PAD
    column, layer = width + _GAP_X, height + _GAP_Y
    total_w, total_h = layout.width * column + 2 * _MARGIN, layout.height * layer - _GAP_Y + 2 * _MARGIN + 30

    def centre(place: tuple[float, float]) -> tuple[float, float]:
        return _MARGIN + place[0] * column, _MARGIN + place[1] * layer + height / 2

    parts = [
        _frame(plate, [centre(layout.place[name]) for name in names], width, height, rows)
        for plate, names in zones.items()
        if plate is not None
    ]
    for path, shift in _arrivals(layout):
        points = [centre(place) for place in path]
        parts.append(_edge([*points[:-1], (points[-1][0] + shift * width, points[-1][1])], height))
    for node in graph.nodes:
        parts.append(_node(texts[node.name], node, *centre(layout.place[node.name]), width, height))
    label = Markup("Graph of the model: {}").format(
        "; ".join(f"{n.name} ~ {n.distribution}{' (observed)' if n.observed else ''}" for n in graph.nodes)
    )
    arrow = Markup(
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L10 5L0 10z" class="head"/></marker></defs>'
    )
    return Markup(
        '<svg class="graph" role="img" aria-label="{}" viewBox="0 0 {} {}" style="min-width: {}px; max-width: {}px" '
        'xmlns="http://www.w3.org/2000/svg">{}{}</svg>'
    ).format(label, round(total_w), round(total_h), round(total_w * 0.62), round(total_w), arrow, Markup("").join(parts))


def _arrivals(layout: Layout) -> list[tuple[list[tuple[float, int]], float]]:
    """The edges' paths, each with where on its child's upper side it arrives, in widths from the middle: in the order of the parents."""
    into: dict[str, list[list[tuple[float, int]]]] = {}
    for (_, child), path in layout.paths.items():
        into.setdefault(child, []).append(path)
    found = []
    for paths in into.values():
        ordered = sorted(paths, key=lambda path: path[-2][0])
        found += [(path, 0.7 * ((i + 0.5) / len(ordered) - 0.5)) for i, path in enumerate(ordered)]
    return found


def _zones(graph: Structure) -> Mapping[str | None, list[str]]:
    zones: dict[str | None, list[str]] = {None: []}
    for node in graph.nodes:
        zones.setdefault(node.plate, []).append(node.name)
    return {plate: names for plate, names in zones.items() if names}


def _texts(node: Node) -> list[str]:
    return [inert(line) for line in (_cut(node.name), *_wrapped(node.distribution), node.dims) if line]


def _wrapped(text: str) -> list[str]:
    """Lines of at most ``_LONGEST`` letters, broken behind commas; three of them at most."""
    lines = [""]
    for part in text.replace(", ", ",\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) >= _LONGEST:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + part
    return [_cut(line) for line in (lines if len(lines) <= 3 else [*lines[:2], "…"])]


def _cut(line: str) -> str:
    return line if len(line) <= 34 else line[:33] + "…"


def _frame(plate: str, inside: list[tuple[float, float]], width: float, height: float, rows: int | None) -> Markup:
    left, right = min(x for x, _ in inside), max(x for x, _ in inside)
    top, bottom = min(y for _, y in inside), max(y for _, y in inside)
    x, y = left - width / 2 - 12, top - height / 2 - 14
    w, h = right - left + width + 24, bottom - top + height + 40
    told = f"{plate}: {rows:,}".replace(",", "\u202f") if rows is not None else plate
    return Markup(
        '<rect class="plate" x="{:.0f}" y="{:.0f}" width="{:.0f}" height="{:.0f}" rx="8"/><text class="plate-name" x="{:.0f}" y="{:.0f}">{}</text>'
    ).format(x, y, w, h, x + w - 10, y + h - 8, inert(told))


def _edge(points: list[tuple[float, float]], height: float) -> Markup:
    """From the lower side of the first to the upper side of the last, bending softly where it passes other layers."""
    down = points[0][1] <= points[-1][1]
    half = height / 2 if down else -height / 2
    points = [(points[0][0], points[0][1] + half), *points[1:-1], (points[-1][0], points[-1][1] - half)]
    path = "M{:.1f} {:.1f}".format(*points[0])
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return Markup('<path class="edge" d="{}" marker-end="url(#arrow)"/>').format(path)


def _node(lines: list[str], node: Node, x: float, y: float, width: float, height: float) -> Markup:
    shape = Markup('<rect class="node{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:.0f}"/>').format(
        " observed" if node.observed else "", x - width / 2, y - height / 2, width, height, 10 if node.observed else height / 2
    )
    first = y - (len(lines) - 1) * _LINE / 2 + 4
    told = Markup("").join(
        Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format("name" if i == 0 else "prior", x, first + i * _LINE, line)
        for i, line in enumerate(lines)
    )
    return Markup("<g>{}{}</g>").format(shape, told)
