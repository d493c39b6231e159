"""Whether the log says what its users like: the verdict at every fit, with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from probrm.data.batch import Batch
from probrm.diagnostics.graph import OFTEN, user_content_graph
from probrm.diagnostics.referee import is_point
from probrm.inference import Fitted
from probrm.inference.rank_correlation import spearman
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.base_rate import Level
from probrm_models.implicit.identifiability.base_rate_evidence import level_evidence
from probrm_models.implicit.identifiability.mode_selection import SURE, Choice
from probrm_models.implicit.identifiability.rests_on import rests_on, told
from probrm_models.implicit.identifiability.row_checks import label_disagreement, overlap_of, row_checks
from probrm_models.implicit.model import ImplicitModel

VERDICTS = ("identified", "up to scale", "ranking only", "not identified")
_ALARM = 0.01
"""Level of the posterior predictive checks, Holm's adjustment included."""


@dataclass(frozen=True)
class Evidence:
    """What a verdict looks at.

    Attributes:
        data: all rows.
        fitted: the fit that is judged.
        choice: among the modes; None where modes were not compared (trained trunks).
        level: of the rewards, at the last call of the finder.
        settings: of the model, the assumed base rate as its prior.
        assumptions: of the user.
        facts: of the rows.
        seed: of the checks' random numbers.
    """

    data: Batch
    fitted: Fitted
    choice: Choice | None
    level: Level
    settings: ImplicitConfig
    assumptions: Assumptions
    facts: Mapping[str, np.ndarray]
    seed: int

    @property
    def model(self) -> ImplicitModel:
        """The fitted model."""
        assert isinstance(self.fitted.model, ImplicitModel)
        return self.fitted.model


def judge(e: Evidence) -> dict[str, Any]:
    """The section ``identifiability`` of a run's metrics.

    - *identified*: one mode, and labels, an assumption, an experiment, several actions or saturation fix the level.
    - *up to scale*: one mode; γ is known but for a common factor, within ``level.range``.
    - *ranking only*: as before, but only if users act equally readily on all answers: nothing in the log varies the propensity.
    - *not identified*: modes that rank answers differently explain the log as well, or explicit labels contradict the rewards.

    Returns:
        ``verdict``, ``reasons`` (what it rests on), ``notes`` (caveats, and what would settle it) and the numbers behind them.
    """
    shape = e.model.shape
    labels = int((~e.data["label"].isnan()).sum())
    shared = [name for name in shape.propensity_effects if name in shape.reward_effects]
    exclusion = [name for name in shape.propensity_effects if name not in shape.reward_effects]
    counts = np.bincount(e.data["user"].cpu().numpy(), minlength=len(shape.users)) if shape.users else np.zeros(0, int)
    often = int((counts >= OFTEN).sum())
    found: dict[str, Any] = {
        "exclusion": exclusion,
        "shared": shared,
        "shared_embedding": e.settings.share_embedding,
        "users": len(shape.users),
        "users_seen_often": often,
        "labels": labels,
        "actions": [action.column for action in shape.actions],
        "known_propensities": int((~e.data["known_propensity"].isnan()).sum()) if "known_propensity" in e.data else 0,
        "modes": _modes(e.choice),
        "level": level_evidence(e.level, e.fitted.draws, e.model, e.data),
        "overlap": overlap_of(e.model, e.fitted.draws, e.data),
        "label_disagreement": label_disagreement(e.model, e.fitted.draws, e.data),
        "checks": [check.to_dict() for check in row_checks(e.model, e.fitted.draws, e.data, e.facts, e.seed)],
    }
    if shape.users and "prompt" in e.facts:
        found["graph"] = user_content_graph(e.data["user"].cpu().numpy(), e.facts["prompt"]).to_dict()
    # One user alone differs from nobody.
    found["varied"] = bool(exclusion) or often > 1 or len(shape.actions) > 1
    found["verdict"], found["reasons"] = _verdict(found, e)
    found["named"] = not (swap_unseen(found, e) or open_to_swap(found, e) or (e.choice is not None and not e.choice.named))
    found["notes"] = _notes(found, e)
    if not is_point(e.fitted.draws):
        found["rests_on"] = rests_on(e.model, e.fitted.draws, e.data, found["level"]["governed_by"])
        found["notes"].append(told(found["rests_on"]))
    return found


def swap_unseen(found: Mapping[str, Any], e: Evidence) -> bool:
    """Whether trained trunks that both see the embedding may have been exchanged: their modes are not compared."""
    return e.choice is None and e.settings.share_embedding and not found["labels"]


def open_to_swap(found: Mapping[str, Any], e: Evidence) -> bool:
    """Whether the heads could be exchanged and nothing in or beside the log speaks against it, however many modes were found.

    In a small log with many features the two mirror images may melt into one mode half way between them.
    """
    told = found["varied"] or found["labels"] or found["known_propensities"] or "won" in e.data
    return bool(e.settings.share_embedding and not told and not e.assumptions.effects and e.assumptions.base_rate is None)


def _modes(choice: Choice | None) -> list[dict[str, Any]]:
    if choice is None:
        return []
    taken = choice.candidates[0].mode.rewards  # which need not be the mode in front of the likelihood
    return [
        {
            "log_likelihood": float(c.mode.likelihood.sum()),
            "behind": c.mode.behind,
            "error": c.mode.error,
            "tied": c.mode.tied,
            "agreement": spearman(taken, c.mode.rewards),
            "hits": c.mode.hits,
            "base_rate": c.base_rate,
            "label_log_probability": c.labels,
            "assumption_log_probability": c.assumptions,
            "probability": c.probability,
        }
        for c in choice.candidates
    ]


def _verdict(found: Mapping[str, Any], e: Evidence) -> tuple[str, list[str]]:
    reasons = []
    if found["exclusion"]:
        reasons.append(f"only the propensity sees {', '.join(found['exclusion'])}")
    if found["users_seen_often"]:
        reasons.append(f"{found['users_seen_often']} users are seen {OFTEN} times or more")
    if len(found["actions"]) > 1:
        reasons.append(f"{len(found['actions'])} actions speak of one preference: {', '.join(found['actions'])}")
    if found["known_propensities"]:
        reasons.append(f"{found['known_propensities']} propensities are known from an experiment")
    if found["shared_embedding"] or found["shared"]:
        what = [*(["the embedding"] if found["shared_embedding"] else []), *found["shared"]]
        reasons.append(f"both heads see {', '.join(what)}")
    tied = [mode for mode in found["modes"] if mode["tied"]]
    if len(tied) > 1:
        settled = tied[0]["probability"] >= SURE
        by = "labels give" if found["labels"] else "what was assumed gives"
        reasons.append(
            f"{len(tied)} modes explain the actions equally well (rank correlation of their rewards {tied[1]['agreement']:.2f}); "
            + (
                f"{by} the one that was taken a probability of {tied[0]['probability']:.3f}"
                if settled
                else "nothing in the log selects one"
            )
        )
        if not settled:
            return VERDICTS[3], reasons
    if swap_unseen(found, e):
        reasons.append("trained trunks that both see the embedding may have been swapped; their modes are not compared")
        return VERDICTS[3], reasons
    if open_to_swap(found, e):
        reasons.append(
            "nothing but the features that both heads see tells reward from propensity: the one mode that was found may be either, or a mixture of both"
        )
        return VERDICTS[3], reasons
    disagreement = found["label_disagreement"]
    if disagreement and disagreement["contradicted"]:
        reasons.append(f"the explicit labels contradict the rewards (AUROC of the rewards for them {disagreement['auroc']:.2f})")
        return VERDICTS[3], reasons
    level = found["level"]
    reasons.append(level["reason"])
    if level["governed_by"] != "prior":
        return VERDICTS[0], reasons
    return (VERDICTS[1] if found["varied"] else VERDICTS[2]), reasons


def _notes(found: Mapping[str, Any], e: Evidence) -> list[str]:
    notes = []
    tied = [mode for mode in found["modes"] if mode["tied"]]
    if len(tied) > 1 and tied[0]["probability"] >= SURE:
        notes.append(
            f"the log is explained equally well by rewards that rank answers otherwise; the mode given was chosen with probability {tied[0]['probability']:.3f}"
            + ("" if tied[0]["probability"] > 0.999 else ": more labels would make it surer")
        )
    if found["verdict"] == "ranking only":
        notes.append(
            "nothing in the log varies the propensity: what looks like preference may as well be activity. "
            "Name covariates that make users act without making answers better: --propensity-features, or --derive length,code_block"
        )
    if found["verdict"] in ("up to scale", "ranking only"):
        low, high = found["level"]["range"]
        notes.append(
            f"the base rate rests on the prior: the actions allow a share of preferred answers between {low:.2f} and {high:.2f}; "
            "labels on 50 rows drawn at random, or --assume base-rate=0.4±0.1, would fix it; the ranking does not depend on it"
        )
    if found["verdict"] == "identified" and not (found["varied"] or found["known_propensities"] or found["shared_embedding"]):
        notes.append(
            "nothing in the log varies the propensity, so it was taken to be the same for all answers: "
            "if some kinds of answers are acted on more readily, however good they are, the rewards have that in them"
        )
    graph = found.get("graph")
    if graph and graph["components"] > 1 and not found["exclusion"] and graph["largest_share"] < 0.9:
        notes.append(
            f"users and prompts fall into {graph['components']} groups without a link: who acts more is compared across them by the embedding alone"
        )
    if found["overlap"]["share"] < 0.1:
        notes.append(
            f"effective sample size under inverse-propensity weighting: {found['overlap']['effective_sample_size']:.0f} of {len(e.data)} rows; "
            f"the lowest propensity is {found['overlap']['lowest']:.3f}: little is known of answers shown where users hardly act"
        )
    disagreement = found["label_disagreement"]
    if disagreement and disagreement["biased"]:
        notes.append(
            f"explicit labels are good in {disagreement['observed']:.2f} of the labelled rows, the fit expects {disagreement['expected']:.2f}: "
            "are they rows drawn at random?"
        )
    for check in found["checks"]:
        if check["p"] < _ALARM:
            notes.append(
                f"misfit by {check['name']}: {check['observed']:.0f} actions where {check['name']} is {check['group']}, {check['expected']:.0f} expected "
                f"(p = {check['p']:.4f}): the model lacks something that goes with it"
            )
    return notes
