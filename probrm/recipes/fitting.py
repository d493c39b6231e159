"""From a file or a table to a fitted run, in code: what ``probrm fit`` does, with priors, guides and encoders as objects."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from probrm.config import build_config, merge
from probrm.encoders import EncoderConfig
from probrm.encoders.cache import default_folder
from probrm.errors import ConfigError
from probrm.inference.fit import fit as fit_batch
from probrm.model import RewardModel
from probrm.priors import Prior, prior_names, prior_to_dict
from probrm.progress import Progress, silent
from probrm.runs.folder import choose_folder, replace_file
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run


def fit(data: Any, *args: Any, **settings: Any) -> Any:
    """Fits a model to a file, a table, or a batch.

    ``fit("logs.parquet", model="implicit", columns=…, priors=…, guide=…, inference=…, encoder=…, settings=…, seed=…, out=…)`` is
    ``probrm.recipes.fitting.fit_file`` and gives a ``Run``, which is saved where ``out`` names a folder; ``fit(model, batch, …)`` is
    ``probrm.inference.fit`` and gives a ``Fitted``: for models and guides of your own.
    """
    if isinstance(data, RewardModel):
        return fit_batch(data, *args, **settings)
    known = list(signature(fit_file).parameters)[1:]
    if unknown := [name for name in settings if name not in known]:
        raise ConfigError(
            f"probrm.fit: unknown argument {unknown[0]!r}; allowed: {', '.join(known)}",
            fix='other settings go into settings={…}, as in a TOML file: settings={"data": {"propensity_features": ["hour"]}, "starts": 5}',
        )
    return fit_file(data, *args, **settings)


def fit_file(
    data: Any,
    model: str = "implicit",
    *,
    columns: Mapping[str, str] | None = None,
    priors: Mapping[str, Prior | float] | None = None,
    guide: Any = None,
    inference: Any = None,
    encoder: Any = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Run:
    """Reads, encodes, fits.

    Args:
        data: a file as ``--data`` takes it, or a table: a pandas DataFrame, an Arrow table, a ``datasets.Dataset``. A table is kept in the
            cache, so that the run can read its rows again.
        model: ``implicit``, ``vrm``, ``bradley-terry`` or whatever else is installed.
        columns: the file's column names, ``{"action": "copied"}``.
        priors: by slot, ``{"base_rate": Beta(2, 8)}``.
        guide: a name or a configuration of ``probrm.guides``.
        inference: a name, or ``SVI(…)``, ``Laplace(…)``, ``NUTS(…)`` of ``probrm.inference``.
        encoder: a hub id or folder, an ``EncoderConfig``, a store of vectors (``.safetensors``), or an object of your own
            with ``dim``, ``key`` and ``encode``, see ``probrm.encoders.Encoder``.
        settings: the rest, in the form of the TOML file: ``{"data": {"propensity_features": ["hour"]}, "starts": 5}``.
        seed: random seed.
        out: folder of the run; None keeps it in memory.
        overwrite: whether a run in that folder is replaced.
        progress: shows the phases.

    Raises:
        ConfigError: a setting that is unknown or not allowed, a guide that has no name.
        DataError: the data cannot be used.
        RunError: the folder is taken, or cannot be written; if another fit took it meanwhile, the run is kept, and the error says where.
        NotIdentifiedError: the data do not tell which of several solutions holds.
        TrainingError: no start converged.
    """
    recipe = find_recipe(model)
    store: Any = None
    given: dict[str, Any] = {"seed": seed}
    if columns is not None:
        given["data"] = {"columns": dict(columns)}
    if priors is not None:
        given["model"] = {"priors": {slot: _prior(slot, prior) for slot, prior in priors.items()}}
    for name, value in (("guide", guide), ("inference", inference)):
        if value is not None:
            given[name] = _named(name, value)
    if isinstance(encoder, EncoderConfig):
        given["encoder"] = asdict(encoder)
    elif isinstance(encoder, str | Path) and Path(encoder).suffix != ".safetensors":
        given["encoder"] = {"name": str(encoder)}
    elif encoder is not None:
        store = str(encoder) if isinstance(encoder, str | Path) else encoder
    config = build_config(recipe, flags=merge(dict(settings or {}), given), where="probrm.fit")
    source = str(data) if isinstance(data, str | Path) else kept(data)
    folder = None if out is None else choose_folder(str(out), model, source, overwrite=overwrite)
    run: Run = recipe.fit(source, config, embeddings=store, progress=progress)
    if folder is not None:
        run.save(folder, overwrite=overwrite, keep=True)
    return run


def kept(table: Any) -> str:
    """The path of a Parquet file in the cache that holds the table; equal tables share one.

    Raises:
        ConfigError: it is no table.
    """
    if not isinstance(table, pa.Table):
        frame = table.to_pandas() if hasattr(table, "to_pandas") else table
        if not hasattr(frame, "iloc"):
            raise ConfigError(
                f"data: found {type(table).__name__}; allowed: a path, a pandas DataFrame, an Arrow table, a datasets.Dataset",
                fix='give a path, or a table: pandas.DataFrame({"prompt": …, "response": …, "action": …})',
            )
        table = pa.Table.from_pandas(frame, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    path = default_folder() / "tables" / f"{hashlib.sha256(buffer.getbuffer()).hexdigest()[:32]}.parquet"
    if not path.exists():
        replace_file(path, buffer.getbuffer())
    return str(path)


def _prior(slot: str, prior: Any) -> Any:
    try:
        return prior_to_dict(prior)
    except ValueError:
        raise ConfigError(
            f"priors: {slot} is a {type(prior).__module__}.{type(prior).__name__}, which a run cannot record",
            fix=f"take one of probrm.priors ({', '.join(prior_names())}), or register your own with probrm.priors.register_prior",
        ) from None


def _named(what: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": value}
    if is_dataclass(value) and not isinstance(value, type) and hasattr(value, "name"):
        return asdict(value)
    raise ConfigError(
        f"{what}: found {type(value).__name__}; allowed: a name or a configuration, which a run can record",
        fix="a guide of your own is fitted to a batch: probrm.fit(model, batch, guide=…)",
    )
