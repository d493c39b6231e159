"""A baseline in memory: the penalty by held-out actions, then all rows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.data.files.hints import check_known
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted, History
from probrm.inference.device import isolated
from probrm.inference.svi.heldout import held_out_score
from probrm.progress import Progress, silent
from probrm.recipes.logs.shape import LogShape
from probrm_models.baselines.config import BaselineConfig, default_config
from probrm_models.baselines.methods import BASELINES, Solution
from probrm_models.baselines.model import BaselineModel
from probrm_models.baselines.rows import Rows


def fit_baseline(
    name: str,
    data: Batch,
    shape: LogShape,
    *,
    held_out: np.ndarray | None = None,
    config: BaselineConfig | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Fitted:
    """Fits the baseline ``name`` to rows; ``statistics`` of the result have ``l2`` and the score of each that was tried.

    The penalty is the one of ``config.l2`` under which the actions of the held-out rows are most likely, by ``γμ``; verdicts and truth
    take no part in that. With it everything is fitted again on all rows.

    Args:
        name: one of ``BASELINES``.
        data: rows with the implicit model's columns.
        shape: of the inputs.
        held_out: positions of the rows that select; None for a random tenth, an empty array for none where one penalty is tried.
        config: settings; None for those of the method.
        seed: of pairs, minibatches and the random tenth.
        progress: shows the penalties.

    Raises:
        ConfigError: an unknown method; several penalties and nothing to select by.
        DataError: the action is the same in all rows of training.
        TrainingError: weights that are not finite.
    """
    check_known("baseline", name, BASELINES, "ips")
    config = config or default_config(name)
    began = time.perf_counter()
    data = data.to("cpu")  # coefficients are found there, in float64, whatever the rows are on
    with isolated(seed):
        held = _held_out(data, held_out, seed)
        rest = torch.from_numpy(np.setdiff1d(np.arange(len(data)), held))
        selecting = data.subset(torch.from_numpy(held)) if len(held) else None
        if selecting is None and len(set(config.l2)) > 1:
            raise ConfigError(
                f"l2: found {len(config.l2)} values and no held-out rows: nothing to select by",
                fix="hold rows out, or give one: --set model.l2=[1.0]",
            )
        scores: dict[float, float] = {}
        with progress.task(name, len(config.l2) + 1) as advance:
            if selecting is not None:
                rows = Rows.of(data.subset(rest), shape)
                for l2, solution in _path(name, rows, config, seed):
                    model, draws = _model(name, rows, l2, solution)
                    scores[l2] = held_out_score(model, draws, selecting)
                    advance()
            best = max(scores, key=lambda l2: (scores[l2], l2)) if scores else max(config.l2)
            rows = Rows.of(data, shape)
            *_, (_, solution) = _path(name, rows, config, seed, until=best)
            advance()
        model, draws = _model(name, rows, best, solution)
    chosen = {"l2": best, "scores": [{"l2": l2, "held_out": scores[l2]} for l2 in sorted(scores)]}
    seconds = {name: time.perf_counter() - began}
    return Fitted(model, None, draws, History(), [], scores.get(best), {"l2": chosen}, seconds)


def _path(name: str, rows: Rows, config: BaselineConfig, seed: int, until: float | None = None) -> Any:
    """Solutions from the strongest penalty to the weakest (or ``until``), each from the one before it: they cost little more than one."""
    if float(rows.action.min()) == float(rows.action.max()) and not bool(rows.labelled.all()):
        raise DataError(
            f"the action is {int(rows.action[0])} in all {len(rows)} rows of training", fix="give rows with and without an action"
        )
    fitter, before = BASELINES[name](rows, config, seed), None
    for l2 in sorted(set(config.l2), reverse=True):
        before = fitter(l2, before)
        yield l2, before
        if l2 == until:
            return


def _model(name: str, rows: Rows, l2: float, solution: Solution) -> tuple[BaselineModel, dict[str, Tensor]]:
    values = rows.values(solution.theta) | solution.propensity.values
    model = BaselineModel(rows.shape, name, l2=l2, link=solution.propensity.link, propensity=tuple(solution.propensity.values))
    return model.eval(), {site: value.detach().float().unsqueeze(0).contiguous() for site, value in values.items()}


def _held_out(data: Batch, given: np.ndarray | None, seed: int) -> np.ndarray:
    if given is not None:
        return np.asarray(given, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).permutation(len(data))[: max(1, len(data) // 10)]).astype(np.int64)
