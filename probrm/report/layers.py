"""Where the nodes of a small directed graph go: in layers, parents above children (Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

_SWEEPS = 8


@dataclass(frozen=True)
class Layout:
    """Places in a grid whose unit is one node.

    Attributes:
        place: node → ``(column, layer)``; layers count from the top, columns may be fractions.
        paths: edge → the places that it runs through, both ends included.
        width: columns.
        height: layers.
    """

    place: Mapping[str, tuple[float, int]]
    paths: Mapping[tuple[str, str], list[tuple[float, int]]]
    width: float
    height: int


def lay_out(zones: Sequence[Iterable[str]], edges: Iterable[tuple[str, str]]) -> Layout:
    """Layers of the zones, one zone below the other, with few crossings (each layer ordered by its neighbours' mean place).

    Args:
        zones: the nodes; those of one zone stay together, so that a frame can be drawn around them.
        edges: between them, without cycles.
    """
    edges = list(edges)
    layers = [layer for zone in zones for layer in _zone(list(zone), edges)]
    level = {name: i for i, layer in enumerate(layers) for name in layer}
    links: list[tuple[str, str]] = []
    chains: dict[tuple[str, str], list[str]] = {}
    for parent, child in edges:
        chain = [parent]
        for i in range(min(level[parent], level[child]) + 1, max(level[parent], level[child])):
            chain.append(f"{parent}\0{child}\0{i}")  # a bend: it takes a place of its own in the layers between
            layers[i].append(chain[-1])
        chain.append(child)
        chains[parent, child] = chain
        links += pairwise(chain)
    _order(layers, links)
    width = max((_width(layer) for layer in layers), default=0.0)
    place: dict[str, tuple[float, int]] = {}
    for i, layer in enumerate(layers):
        x = (width - _width(layer)) / 2
        for name in layer:
            place[name] = (x + _space(name) / 2, i)
            x += _space(name)
    paths = {edge: [place[name] for name in chain] for edge, chain in chains.items()}
    return Layout({name: at for name, at in place.items() if "\0" not in name}, paths, width, len(layers))


def _zone(names: list[str], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Layers of one zone: each node as far down as its children allow."""
    below: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in edges:
        if parent in below and child in below:
            below[parent].append(child)
    sorter = TopologicalSorter(below)
    sorter.prepare()
    layers: list[list[str]] = []
    while sorter.is_active():
        ready = set(sorter.get_ready())
        layers.append([name for name in names if name in ready])
        sorter.done(*ready)
    return layers[::-1]


def _order(layers: list[list[str]], links: list[tuple[str, str]]) -> None:
    near: dict[str, list[str]] = {}
    for a, b in links:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for i in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            beside = layers[i - 1 if down else i + 1]
            at = {name: (j + 0.5) / len(beside) for j, name in enumerate(beside)}
            own = {name: (j + 0.5) / len(layers[i]) for j, name in enumerate(layers[i])}
            mean = {}
            for name in layers[i]:
                found = [at[other] for other in near.get(name, ()) if other in at]
                mean[name] = sum(found) / len(found) if found else own[name]
            layers[i].sort(key=lambda name, mean=mean: mean[name])


def _space(name: str) -> float:
    return 0.3 if "\0" in name else 1.0


def _width(layer: Iterable[str]) -> float:
    return sum(map(_space, layer))
