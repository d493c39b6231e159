"""A fitted run: in memory, saved and loaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyro
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from probrm.data.conversation import conversations_of
from probrm.disk import set_aside
from probrm.encoders import EncoderConfig
from probrm.errors import ConfigError, DataError, RunError
from probrm.model import RewardModel
from probrm.posterior import Ranking, Rewards, Risk, Variable, netcdf_bytes, posterior_groups, read_posterior, summarise, to_arviz
from probrm.progress import Progress, silent
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.folder import MARKER, check_folder, modes_in, write_folder
from probrm.runs.opening import (
    HISTORY,
    METRICS,
    POSTERIOR,
    SPLIT,
    TENSORS,
    check_extent,
    check_record,
    damaged,
    parsed_files,
    read_files,
    read_json,
)
from probrm.runs.places import resolved, stored
from probrm.runs.plain import finite
from probrm.runs.registry import find_recipe

if TYPE_CHECKING:
    import arviz
    import xarray

FORMAT = 1
"""Of the folder; a reader refuses one it does not know."""


@dataclass
class Run:
    """What a fit leaves behind.

    Attributes:
        kind: the model's name.
        config: settings in full, as nested plain types.
        model: on the CPU, in evaluation mode.
        inputs: how columns become tensors; the recipe's own type.
        draws: of every global site, ``(s, *shape)``.
        baseline: the model to beat, with its draws; None where there is none.
        record: what happened: data (path, hash, rows, notes), encoder key, versions, seed, seconds, starts.
        metrics: held-out score, diagnostics and identifiability.
        history: records of the training.
        split: ids of the held-out rows.
        guide: its parameters by name; empty for NUTS.
        path: where it was loaded from or saved to.
        sample_stats: ``(s,)`` by name: of a sampler what ArviZ calls so, of a guide ``log_density`` and ``log_guide`` of its draws.
        chains: that the draws are of, one behind the other.
    """

    kind: str
    config: dict[str, Any]
    model: RewardModel
    inputs: Any
    draws: dict[str, Tensor]
    baseline: tuple[RewardModel, dict[str, Tensor]] | None
    record: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, Any] = field(default_factory=dict)
    split: list[str] = field(default_factory=list)
    guide: Mapping[str, Tensor] = field(default_factory=dict)
    path: Path | None = None
    sample_stats: Mapping[str, np.ndarray] = field(default_factory=dict)
    chains: int = 1

    @property
    def sampled(self) -> bool:
        """Whether the draws are a sampler's, one depending on the other, and not a guide's."""
        return "n_steps" in self.sample_stats or self.config["inference"]["name"] == "nuts"  # runs of before have no statistics

    def summary(self) -> dict[str, Variable]:
        """Mean, deviation and central 90 % interval of every variable; of a sampler's draws effective sample size and R̂, too."""
        return summarise(self.model, self.draws, self.chains, sampled=self.sampled)

    def groups(self, rows: FittedRows | None = None, *, progress: Progress = silent) -> dict[str, xarray.Dataset]:
        """ArviZ's groups, with named dimensions: the posterior and its statistics, and with ``rows`` what has a number for each row.

        Args:
            rows: that the run was fitted to: ``find_recipe(run.kind).fitted_rows(run)``.
            progress: shows the work on them.
        """
        attrs = {
            "model": self.kind,
            "seed": self.config["seed"],
            "versions": json.dumps(self.record["versions"]),
            "interval": "central 90 %",
        }
        common: dict[str, Any] = {"chains": self.chains, "sample_stats": self.sample_stats, "history": self.history, "attrs": attrs}
        return posterior_groups(self.model, self.draws, rows=rows, progress=progress, **common)

    def to_arviz(self, rows: FittedRows | None = None, *, progress: Progress = silent) -> arviz.InferenceData:
        """``groups`` as what the installed ArviZ takes: its InferenceData, or a DataTree from version 1 on."""
        return to_arviz(self.groups(rows, progress=progress))

    def reward(self, prompt: Any, responses: Any) -> Rewards:
        """Rewards of one or several responses to a prompt: for best-of-n, a reranker, an RL trainer.

        Args:
            prompt: text, or chat messages ``[{"role": …, "content": …}]``; or a list of such, one for each response.
            responses: one text or n of them; an assistant's message does, too.

        Raises:
            DataError: something else.
            EncoderError: the run's encoder cannot be loaded.
        """
        return find_recipe(self.kind).reward(self, conversations_of(prompt, responses))

    def best_of_n(self, prompt: Any, responses: Any, *, risk: Risk = "mean", abstain: float | None = None) -> Ranking:
        """Which of n responses to one prompt to take, and how sure that is: ``responses[run.best_of_n(prompt, responses).chosen]``.

        Args:
            prompt: text, or chat messages.
            responses: n texts or assistant's messages.
            risk: ``mean``, or ``lower`` for the choice that avoids responses of which little is known, see ``rank_answers``.
            abstain: no choice (``abstains``) where the chosen response is not the best with a higher probability than this.

        Raises:
            ConfigError: the run's reward has covariates, which texts do not carry.
            DataError: something else than texts and messages.
        """
        return find_recipe(self.kind).best_of_n(self, conversations_of(prompt, responses), risk=risk, abstain=abstain)

    def reweighted(self, weights: Mapping[str, float]) -> Run:
        """This run with objective weights given by hand, the same for every prompt: it scores, and gives rewards, by these.

        Args:
            weights: by objective, numbers of 0 or more, divided by their sum; objectives that are not named get 0.

        Raises:
            ConfigError: the model has no several objectives, or a name or a number is not allowed.
        """
        return find_recipe(self.kind).reweighted(self, weights)

    def __repr__(self) -> str:
        """In one line: the model, how many draws, where it is saved."""
        draws = len(next(iter(self.draws.values()), ()))
        return f"<probrm run: {self.kind}, {draws} draws, {self.path or 'not saved'}>"

    def save(self, path: str | Path, *, overwrite: bool = False, keep: bool = False) -> None:
        """Writes the run as a folder, whole or not at all.

        Args:
            path: the folder.
            overwrite: whether a run that is there is replaced.
            keep: whether the run is kept elsewhere where it cannot be put there, which the error then says: as ``path-2`` where the name
                is taken meanwhile, among the system's temporary files where there is no room.

        Raises:
            RunTakenError: the run is kept under another name.
            RunError: its weights were given by hand; there is a run and ``overwrite`` is off; there is something else; the disk is full or refuses.
        """
        if "weights" in self.record:
            raise RunError("a run with weights given by hand is not saved", fix="save the run itself, and give the weights when it scores")
        if not keep:
            check_folder(Path(path), overwrite=overwrite)
        write_folder(Path(path), lambda folder: self._write(folder, Path(path)), overwrite=overwrite, rescue=keep)
        self.path = Path(path)

    def _write(self, folder: Path, named: Path | None = None) -> None:
        """Into a folder, which will be called ``named`` if it has another name still."""
        parts: dict[str, Mapping[str, Tensor]] = {"model": self.model.state_dict(), "guide": self.guide, "inputs": self.inputs.tensors()}
        if self.baseline:
            parts["baseline"] = self.baseline[1]
        tensors = {f"{part}.{name}": value.contiguous() for part, values in parts.items() for name, value in values.items()}
        # All in memory first: the libraries' own writers answer a full disk with errors of their own, or worse.
        files: dict[str, bytes | memoryview] = {
            TENSORS: safetensors.torch.save(tensors),
            POSTERIOR: netcdf_bytes(self.groups()),
            HISTORY: _json(self.history),
            METRICS: _json(self.metrics),
            SPLIT: _json({"held_out": self.split}),
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        main = {
            "format": FORMAT,
            "kind": self.kind,
            "config": self.config,
            "record": self.record,
            "spec": {
                "model": self.model.spec(),
                "inputs": self.inputs.to_dict(),
                "baseline": self.baseline[0].spec() if self.baseline else None,
            },
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
            "sizes": {name: len(content) for name, content in files.items()},
        }
        main = stored(main, named or folder)
        (folder / MARKER).write_bytes(_json(main | {"sha256": hashlib.sha256(_json(main)).hexdigest()}))


def save_modes(runs: Sequence[Run], path: str | Path, *, overwrite: bool = False, keep: bool = False) -> None:
    """Writes runs none of which could be named as ``path/mode-1``, ``path/mode-2``, …, all or nothing.

    Raises:
        RunError: as ``Run.save``.
    """
    folder = Path(path)
    if not keep:
        check_folder(folder, overwrite=overwrite)

    def write(target: Path) -> None:
        for i, run in enumerate(runs, 1):
            (target / f"mode-{i}").mkdir()
            run._write(target / f"mode-{i}", folder / f"mode-{i}")

    write_folder(folder, write, overwrite=overwrite, rescue=keep)
    for i, run in enumerate(runs, 1):
        run.path = folder / f"mode-{i}"


def load(path: str | Path) -> Run:
    """Opens a saved run, ready to score: no retraining, no pickle.

    Raises:
        RunError: no run there, a damaged file, another format, or a model that is not installed.
    """
    folder = Path(path)
    if not os.path.isfile(folder / MARKER):
        if modes := modes_in(folder):
            raise RunError(
                f"{folder}: it holds {len(modes)} tied modes of a fit: its log does not say which of them is right",
                fix=f"name the one you believe: {' or '.join(str(mode) for mode in modes)}",
            )
        if aside := set_aside(folder):
            raise RunError(
                f"{folder}: a command that was killed while it replaced this run has left it in {aside}", fix=f"mv {aside} {folder}"
            )
        found = f"it holds no {MARKER}" if os.path.exists(folder) else "there is no such folder"
        raise RunError(f"{folder}: not a run of probrm: {found}", fix="name the folder that probrm fit printed")
    main = read_json(folder, MARKER)
    form = main.get("format") if isinstance(main, dict) else None
    if not isinstance(main, dict) or "format" not in main:
        raise damaged(folder, MARKER, "it does not say its format")
    if form != FORMAT:
        raise RunError(f"{folder}: its format is {form!r}; this version reads {FORMAT}", fix="fit again, or use the version that wrote it")
    try:
        rest = {name: value for name, value in main.items() if name != "sha256"}
        if hashlib.sha256(_json(rest)).hexdigest() != main["sha256"]:
            raise damaged(folder, MARKER, "it is not what was saved")
        check_record(folder, main)
        return _read(folder, resolved(main, folder), read_files(folder, main))
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        ArithmeticError,
        RuntimeError,  # RecursionError, too
        MemoryError,
        safetensors.SafetensorError,
        DataError,
        ConfigError,
    ) as error:
        raise damaged(folder, MARKER, error) from None


def _read(folder: Path, main: Mapping[str, Any], files: Mapping[str, bytes]) -> Run:
    try:
        recipe = find_recipe(main["kind"])
    except ConfigError as error:
        raise RunError(f"{folder}: {error.what}", fix=error.fix) from None
    EncoderConfig.restore(main["record"]["encoder"]["config"])  # unknown settings, values that are not allowed
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "guide": {}, "inputs": {}, "baseline": {}}
    try:
        tensors = safetensors.torch.load(files[TENSORS])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise damaged(folder, TENSORS, error) from None
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part not in parts:
            raise damaged(folder, TENSORS, f"it holds {name!r}, which no run has")
        if value.dtype in (torch.float64, torch.complex64, torch.complex128):
            raise damaged(folder, TENSORS, f"{name} is {value.dtype}; allowed: float32 and whole numbers")
        if value.is_floating_point() and part != "guide" and not value.isfinite().all():
            raise damaged(folder, TENSORS, f"{name} holds numbers that are not finite")
        parts[part][rest] = value
    check_extent(folder, main["spec"], sum(map(len, files.values())))
    _check_memory(folder, recipe, main["spec"], parts, sum(map(len, files.values())))
    model, inputs, baseline = recipe.restore(main["spec"], parts["inputs"])
    model.load_state_dict(parts["model"])
    try:
        posterior = read_posterior(files[POSTERIOR])
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise damaged(folder, POSTERIOR, error) from None
    check_draws(folder, model, posterior.draws)
    history, metrics, split = parsed_files(folder, files)
    return Run(
        kind=main["kind"],
        config=main["config"],
        model=model.eval(),
        inputs=inputs,
        draws=posterior.draws,
        baseline=(baseline, parts["baseline"]) if baseline is not None else None,
        record=main["record"],
        metrics=metrics,
        history=history,
        split=split,
        guide=parts["guide"],
        path=folder,
        sample_stats=posterior.sample_stats,
        chains=posterior.chains,
    )


def _check_memory(folder: Path, recipe: Any, spec: Mapping[str, Any], parts: Mapping[str, dict[str, Tensor]], total: int) -> None:
    """The model's tensors are those that the folder holds, before memory is taken for any.

    Raises:
        RunError: they are not.
    """
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            model, _, baseline = recipe.restore(spec, parts["inputs"])
    except (NotImplementedError, RuntimeError):  # a model that looks at its own numbers while it is built
        return
    found = {name: tuple(value.shape) for name, value in parts["model"].items()}
    built = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if found != built:
        name = sorted(found.items() ^ built.items())[0][0]
        raise damaged(folder, TENSORS, f"model.{name} has the shape {found.get(name)}; the model has {built.get(name)}")
    beside = sum(value.numel() for value in baseline.state_dict().values()) if baseline is not None else 0
    if beside > max(total, 2**24):
        raise damaged(folder, MARKER, f"spec.baseline has {beside} parameters, more than its files can hold")


def check_draws(folder: Path, model: RewardModel, draws: Mapping[str, Tensor]) -> None:
    """As many finite draws of everything, in the model's own shapes where it can be asked for them.

    Raises:
        RunError: says which are not.
    """
    counts = {len(value) for value in draws.values()}
    if len(counts) != 1 or not min(counts):
        raise damaged(folder, POSTERIOR, f"it holds {' and '.join(map(str, sorted(counts))) or 'no'} draws")
    for name, value in draws.items():
        if value.dtype is torch.float64 or value.is_complex():
            raise damaged(folder, POSTERIOR, f"the draws of {name} are {value.dtype}; allowed: float32 and whole numbers")
        if not value.isfinite().all():
            raise damaged(folder, POSTERIOR, f"the draws of {name} are not all finite")
    if not hasattr(model, "globals"):
        return
    with torch.random.fork_rng(devices=[]), pyro.poutine.trace() as trace:
        model.globals()  # type: ignore[operator]
    nodes: dict[str, Any] = dict(trace.trace.nodes)
    sites = {name: tuple(site["value"].shape) for name, site in nodes.items() if site["type"] == "sample"}
    found = {name: tuple(value.shape[1:]) for name, value in draws.items()}
    for name in sites:
        if found.get(name) != sites[name]:
            what = f"has the shape {found[name]}" if name in found else "is missing"
            raise damaged(folder, POSTERIOR, f"{name} {what}; the model has it in the shape {sites[name]}")


def _json(content: Any) -> bytes:
    return (json.dumps(finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
