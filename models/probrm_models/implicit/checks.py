"""What the implicit model asks of a log and of its settings."""

from __future__ import annotations

import math

import numpy as np
import torch

from probrm.actions import Click
from probrm.data import Batch, Log
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted
from probrm.posterior import LEVEL
from probrm.priors import Prior
from probrm.priors.checks import check_scales, check_support
from probrm_models.implicit.config import ImplicitConfig


def check_priors(config: ImplicitConfig) -> None:
    """A rate needs a prior on (0, 1), a scale one on positive numbers; weights and effects may have any.

    Raises:
        ConfigError: a prior can give values that its parameter cannot have.
    """
    check_scales(config.priors)
    check_support("model.priors.base_rate", config.priors.base_rate, 0.0, 1.0, "(0, 1)", "Beta")
    check_support("model.priors.residual", config.priors.residual, 0.0, math.inf, "(0, ∞)", "HalfNormal")
    if isinstance(config.action.false_rate, Prior):
        check_support("action.false_rate", config.action.false_rate, 0.0, 1.0, "(0, 1)", "Beta")


def check_contradictions(log: Log, action: Click) -> None:
    """An action on an answer that was judged bad is impossible without a false-action rate.

    Raises:
        DataError: there are such rows and ``action.false_rate`` is 0.
    """
    if log.label is None or log.action is None or action.false_rate != 0.0:
        return
    rows = np.flatnonzero((log.action == 1) & (log.label == 0))
    if len(rows):
        raise DataError(
            f"{log.source}, row {log.rows[rows[0]] + 1}: action 1 on an answer with label 0 ({len(rows)} such rows); "
            "the model has no false actions unless told so",
            fix="allow them with --set action.false_rate=0.02, or learn the rate: --set 'action.false_rate={dist=\"Beta\", concentration1=1, concentration0=30}'",
        )


def check_weights(log: Log) -> None:
    """Pyro enumerates under one common scale, so strata that are not summed out allow no weights.

    Raises:
        ConfigError: the log's weights differ from 1.
    """
    if not np.all(log.weight == 1):
        raise ConfigError(
            f"{log.source}: the column weight needs the strata summed out in closed form",
            fix="use --set model.form=marginal and a guide other than amortised, or leave the weights out: --columns weight=",
        )


def check_form(log: Log, settings: ImplicitConfig, guide: str) -> None:
    """Strata that are not summed out allow neither weights nor several actions.

    Raises:
        ConfigError: the log has one of them.
    """
    if settings.form == "marginal" and guide != "amortised":
        return
    check_weights(log)
    if log.action_specs or log.won is not None:
        what = "guide 'amortised'" if guide == "amortised" else f"model.form {settings.form!r}"
        raise ConfigError(
            f"{what}: it works on the four strata of a single action; several actions and comparisons have their preference summed out",
            fix="use --guide auto-normal and --set model.form=marginal",
        )


@torch.no_grad()
def mean_preference(fitted: Fitted, data: Batch) -> dict[str, float]:
    """The share of answers that are preferred, ``E[γ]`` over the log's rows (10,000 of them at most), with its interval.

    ``base_rate`` is the same over a few hundred reference rows.
    """
    rows = data.slice(0, min(len(data), 10_000))
    share = fitted.model.reward(fitted.draws, rows).sigmoid().mean(-1).numpy()
    low, high = np.quantile(share, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"mean": float(share.mean()), "low": float(low), "high": float(high)}
