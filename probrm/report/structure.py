"""The generative process of a model, read off one run of it: sites, their distributions, who depends on whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer.inspect import TrackProvenance, get_model_relations
from pyro.ops.provenance import detach_provenance, get_provenance
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel

_WRAPPERS = (torch.distributions.Independent, dist.MaskedDistribution, dist.ExpandedDistribution)
_NAMES = {"LogBernoulli": "Bernoulli"}
"""Whose class tells how it is computed rather than what it is."""
_SHOWN = 6
"""Names of the inputs of a parameter that is a function of others."""


@dataclass(frozen=True)
class Node:
    """One sample site.

    Attributes:
        name: of the site.
        distribution: as a reader writes it: ``Normal(0, weights_scale)``.
        dims: what it has several entries of: ``384 feature``; empty for a scalar, and inside a plate for one entry a row.
        observed: whether the data give its value.
        plate: the outermost plate around it; None outside.
    """

    name: str
    distribution: str
    dims: str
    observed: bool
    plate: str | None


@dataclass(frozen=True)
class Structure:
    """A directed graph of sites.

    Attributes:
        nodes: in the order of the model.
        edges: ``(from, to)``: the distribution of the second depends on the value of the first.
    """

    nodes: list[Node]
    edges: list[tuple[str, str]]


def structure(model: RewardModel, batch: Batch) -> Structure:
    """The graph of ``model`` on one row of ``batch``.

    Args:
        model: any model/guide pair; ``forward`` is run a few times, and the random stream is put back.
        batch: rows as the model takes them; the first is used.
    """
    row = batch.slice(0, 1)
    stream = torch.random.get_rng_state()
    try:
        with torch.no_grad():
            relations = get_model_relations(model, (row,))
            with TrackProvenance():
                traces: list[Any] = [poutine.trace(model).get_trace(row) for _ in range(2)]
    finally:
        torch.random.set_rng_state(stream)
    trace, other = traces
    plates: dict[str, str] = {}
    for plate, names in relations["plate_sample"].items():
        for name in names:
            plates.setdefault(name, plate.removesuffix("__CLONE"))
    values = {name: site["value"] for name, site in trace.nodes.items() if site["type"] == "sample"}
    nodes = [
        Node(
            name,
            _distribution(trace.nodes[name]["fn"], other.nodes[name]["fn"], values),
            _dims(model, name, trace.nodes[name], plates.get(name)),
            name in relations["observed"],
            plates.get(name),
        )
        for name in relations["sample_sample"]
        if relations["sample_dist"][name] != "Unit"
    ]
    kept = {node.name for node in nodes}
    edges = [(parent, name) for name, parents in relations["sample_sample"].items() for parent in parents if {parent, name} <= kept]
    return Structure(nodes, edges)


def _distribution(fn: Any, again: Any, values: dict[str, Tensor]) -> str:
    while isinstance(fn, _WRAPPERS):
        fn, again = fn.base_dist, getattr(again, "base_dist", again)
    name = _NAMES.get(type(fn).__name__, type(fn).__name__)
    declared = list(getattr(fn, "arg_constraints", {}))
    parts = [part for part in declared if part in vars(fn)] or declared  # of probs and logits the one that was given
    found = [_parameter(getattr(fn, part), getattr(again, part, None), values) for part in parts]
    return f"{name}({', '.join(found)})" if found else name


def _parameter(value: Any, again: Any, values: dict[str, Tensor]) -> str:
    """A parameter of a distribution: its number, the site that it is the value of, or what it is a function of."""
    if not isinstance(value, Tensor):
        return f"{value:g}" if isinstance(value, int | float) else "…"
    parents = sorted(get_provenance(value))
    plain = detach_provenance(value).detach()
    alike = plain.numel() > 0 and bool((plain == plain.flatten()[0]).all())
    if alike and isinstance(again, Tensor) and bool((detach_provenance(again) == plain).all()):
        return f"{float(plain.flatten()[0]):g}"  # the same in another draw: broadcasting alone makes it look dependent
    if len(parents) == 1 and alike and parents[0] in values:
        own = detach_provenance(values[parents[0]])
        if own.numel() == 1 and bool(plain.flatten()[0] == own.flatten()[0]):
            return parents[0]
    return f"f({', '.join(parents[:_SHOWN])}{', …' if len(parents) > _SHOWN else ''})" if parents else "…"


def _dims(model: RewardModel, name: str, site: Any, plate: str | None) -> str:
    shape = tuple(site["value"].shape)
    if plate is not None:  # without the row itself
        shape = shape[1:]
    names = model.dims().get(name) or model.dims().get(name.removesuffix("_local"), ())
    if len(names) == len(shape):
        return " × ".join(f"{size} {label.replace('_', ' ')}" for size, label in zip(shape, names, strict=True))
    return " × ".join(map(str, shape))
