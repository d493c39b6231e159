"""Fits of the example on the device against fits on the CPU: the same posterior, within what random numbers change."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.measuring import wait
from benchmarks.gpu.parts import Settings, Sheet
from benchmarks.gpu.stores import Material, materials

_DATA: dict[str, Any] = {"propensity_features": ["surface", "position"], "derive": ["code_block"]}
_TINY = ("inference.max_steps=6", "inference.eval_every=3", "inference.draws=40")


@dataclass(frozen=True)
class Tolerance:
    """How far apart two fits may be that differ in their random numbers alone.

    Attributes:
        means: of a vector's posterior means, root mean square, in posterior standard deviations.
        scalar: of the mean of a single latent, in the same unit.
        widths: of the geometric mean of a vector's ratios of standard deviations, from 1, as a factor.
        nats: of the held-out log-likelihood a row.
    """

    means: float
    scalar: float
    widths: float
    nats: float


TOLERANCES = {
    "implicit": Tolerance(0.1, 0.3, 1.05, 0.01),
    "bradley-terry": Tolerance(0.1, 0.3, 1.05, 0.01),
    "vrm": Tolerance(0.35, 2.0, 1.35, 0.01),
}
"""About twice what two fits on one CPU differ by: .05 and .1, 1.01, .004; of vrm, whose training stops elsewhere, .13 and 1.0, 1.24, .002."""


@dataclass(frozen=True)
class Found:
    """A fit, on the CPU: draws by site, the held-out score, and how long it took."""

    draws: dict[str, Tensor]
    held_out: float
    seconds: float


def fitted(kind: str, material: Material, device: str, tiny: bool) -> Found:
    """One fit through the recipe, its checks and its baseline included."""
    from probrm.config import build_config
    from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
    from probrm_models.implicit.recipe import ImplicitRecipe
    from probrm_models.vrm.recipe import VRMRecipe

    # By class: where probrm is on the path and not installed, no names are registered.
    recipe = {recipe.kind: recipe for recipe in (ImplicitRecipe, BradleyTerryRecipe, VRMRecipe)}[kind]()
    flags: dict[str, Any] = {"device": device, "starts": 1, "data": _DATA if kind == "implicit" else {}}
    start = time.perf_counter()
    run = recipe.fit(material.source, build_config(recipe, flags=flags, sets=_TINY if tiny else ()), embeddings=material.store)
    wait(device)
    return Found(run.draws, run.metrics["diagnostics"]["held_out_log_likelihood"], time.perf_counter() - start)


def measure(settings: Settings, sheet: Sheet) -> None:
    """Both fits of each model, the CPU's in a process beside the device's, and how far they are apart."""
    given = materials(settings.stores, tiny=settings.tiny)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)) as beside:
        references = {kind: beside.submit(fitted, kind, material, "cpu", settings.tiny) for kind, material in given.items()}
        for kind, material in given.items():
            there = fitted(kind, material, settings.device, settings.tiny)
            here = references[kind].result()
            sheet.row(f"{kind}: fit on {settings.device}", there.seconds, "s")
            sheet.row(f"{kind}: fit beside it on the CPU, one thread", here.seconds, "s")
            compare(kind, here, there, sheet)
    sheet.note(
        "vectors' means and widths are judged over all their entries; the tolerance is what other random numbers do on one CPU, twice"
    )


def compare(kind: str, here: Found, there: Found, sheet: Sheet) -> None:
    """Rows on how far two fits of one model are apart."""
    allowed = TOLERANCES[kind]
    scalars, means, widths = [0.0], [0.0], [1.0]
    for name, draws in here.draws.items():
        a, b = (each.double().reshape(len(each), -1) for each in (draws, there.draws[name]))
        sd = a.std(0).clamp_min(1e-9)
        apart = (b.mean(0) - a.mean(0)) / sd
        if a.shape[1] > 1:
            means.append(float(apart.square().mean().sqrt()))
            widths.append(float((b.std(0).clamp_min(1e-9) / sd).log().mean().abs().exp()))
        else:
            scalars.append(float(apart.abs().max()))
    sheet.row(f"{kind}: posterior means of vectors apart", max(means), "posterior sd, rms", most=allowed.means)
    sheet.row(f"{kind}: posterior means of single latents apart", max(scalars), "posterior sd", most=allowed.scalar)
    sheet.row(f"{kind}: posterior sds apart", max(widths), "factor, geometric mean", most=allowed.widths)
    sheet.row(f"{kind}: held-out log-likelihood apart", abs(there.held_out - here.held_out), "nats a row", most=allowed.nats)
