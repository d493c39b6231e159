"""Each part of the verdict, in a setting where it must speak and in one where it must be quiet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from probrm.data.batch import Batch
from probrm.data.logs.actions import parse_actions
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.identifiability.mode_selection import Choice
from probrm_models.implicit.identifiability.verdict import judge
from probrm_models.implicit.model import ImplicitModel
from tests.probrm_models.implicit.identifiability.base_rate_support import (
    CLOSED,
    ONE,
    SETTLED,
    TIED,
    around,
    candidate,
    evidence,
    made_up,
    rows,
)

PLAIN = LogShape(2)
EXCLUSION = LogShape(2, (), ("surface", "length"))
SHARING = ImplicitConfig(share_embedding=True)
SHARP = (0.4, 0.1)


def users_of(count: int) -> LogShape:
    return LogShape(2, users=tuple(f"u{i}" for i in range(count)))


def said(found: dict[str, Any], part: str, where: str = "notes") -> bool:
    return any(part in text for text in found[where])


# ---- the four verdicts


def test_identified() -> None:
    found = judge(evidence(EXCLUSION, rows(k=2, labels=100), level=made_up(labels_at=SHARP)))
    assert found["verdict"] == "identified"
    assert found["named"]
    assert found["reasons"] == ["only the propensity sees surface, length", "the base rate is fixed by explicit labels: 0.60 ± 0.02"]
    assert not said(found, "rests on the prior")


def test_up_to_scale() -> None:
    found = judge(evidence(EXCLUSION, rows(k=2)))
    assert found["verdict"] == "up to scale"
    assert said(found, "the actions allow a share of preferred answers between 0.20 and 0.80")
    assert not said(found, "nothing in the log varies the propensity")


def test_ranking_only() -> None:
    found = judge(evidence(PLAIN, rows()))
    assert found["verdict"] == "ranking only"
    assert said(found, "nothing in the log varies the propensity")
    assert said(found, "labels on 50 rows")


def test_not_identified() -> None:
    found = judge(evidence(PLAIN, rows(), settings=SHARING, choice=TIED))
    assert found["verdict"] == "not identified"
    assert not found["named"]
    assert said(
        found,
        "2 modes explain the actions equally well (rank correlation of their rewards -1.00); nothing in the log selects one",
        "reasons",
    )


@pytest.mark.parametrize("shape", [PLAIN, EXCLUSION])
def test_a_level_that_is_governed_identifies(shape: LogShape) -> None:
    data = rows(k=len(shape.propensity_effects))
    for level in (made_up(range_=CLOSED), made_up(prior=(9.2, 13.8))):
        assert judge(evidence(shape, data, level=level))["verdict"] == "identified"


# ---- what the heads see


def test_exclusion_and_shared_covariates() -> None:
    both = LogShape(2, ("length",), ("surface", "length"))
    found = judge(evidence(both, rows(k=2, m=1)))
    assert (found["exclusion"], found["shared"], found["shared_embedding"]) == (["surface"], ["length"], False)
    assert said(found, "both heads see length", "reasons")
    apart = judge(evidence(EXCLUSION, rows(k=2)))
    assert apart["shared"] == []
    assert not said(apart, "both heads see", "reasons")


def test_covariates_that_both_see_are_no_exclusion() -> None:
    same = LogShape(2, ("surface", "length"), ("surface", "length"))
    found = judge(evidence(same, rows(k=2, m=2)))
    assert found["verdict"] == "ranking only"
    assert found["exclusion"] == []


def test_shared_embedding() -> None:
    found = judge(evidence(EXCLUSION, rows(k=2), settings=SHARING))
    assert found["shared_embedding"]
    assert said(found, "both heads see the embedding", "reasons")
    assert found["verdict"] == "up to scale", "sharing alone is no tie: the modes were compared"


def test_several_actions() -> None:
    from probrm_models.implicit.identifiability.verdict import Evidence
    from probrm_models.implicit.multi_action.model import MultiActionModel

    shape = LogShape(2, actions=parse_actions(("copied", "-regenerated")))
    e = evidence(PLAIN, rows())
    model = MultiActionModel(shape)
    draws = around(model)
    draws["propensity_intercept"] = torch.zeros(len(draws["base_rate"]), 2)
    columns = {**e.data.columns, "actions": torch.stack([e.data["action"], torch.zeros(len(e.data))], 1)}
    fitted = type(e.fitted)(model, None, draws, e.fitted.history, [], None)
    found = judge(Evidence(Batch(columns, len(e.data)), fitted, ONE, made_up(range_=None), e.settings, e.assumptions, {}, 0))
    assert found["verdict"] == "identified"
    assert found["level"]["governed_by"] == "actions"
    assert said(found, "2 actions speak of one preference: copied, regenerated", "reasons")


def test_experiment() -> None:
    found = judge(evidence(PLAIN, rows(known=0.5), level=made_up(range_=None)))
    assert found["verdict"] == "identified"
    assert found["known_propensities"] == 400
    assert said(found, "400 propensities are known from an experiment", "reasons")
    assert judge(evidence(PLAIN, rows()))["known_propensities"] == 0


# ---- modes


def test_a_tie_that_is_settled_is_told() -> None:
    found = judge(evidence(EXCLUSION, rows(k=2, labels=100), choice=SETTLED, level=made_up(labels_at=SHARP)))
    assert found["verdict"] == "identified"
    assert found["named"]
    assert said(found, "labels give the one that was taken a probability of 0.980", "reasons")
    assert said(found, "the mode given was chosen with probability 0.980: more labels would make it surer")
    assumed = judge(evidence(EXCLUSION, rows(k=2), choice=SETTLED))
    assert said(assumed, "what was assumed gives the one", "reasons")
    assert not said(judge(evidence(EXCLUSION, rows(k=2))), "equally well")


def test_agreement_is_with_the_mode_that_was_taken() -> None:
    """Labels may take the mode whose likelihood is the second."""
    choice = Choice([candidate(0.9, behind=0.1, reverse=True), candidate(0.1)], True)
    found = judge(evidence(PLAIN, rows(), choice=choice))
    assert [mode["agreement"] for mode in found["modes"]] == pytest.approx([1.0, -1.0])
    assert said(found, "rank correlation of their rewards -1.00", "reasons")


def test_a_mode_that_the_log_rules_out_is_listed_and_no_more() -> None:
    choice = Choice([candidate(1.0), candidate(0.0, behind=40.0, error=3.0, reverse=True)], True)
    found = judge(evidence(EXCLUSION, rows(k=2), choice=choice))
    assert [mode["tied"] for mode in found["modes"]] == [True, False]
    assert found["verdict"] == "up to scale"
    assert not said(found, "equally well")


def test_trunks_that_both_see_the_embedding() -> None:
    """Their modes are not compared: nothing is named without labels."""
    found = judge(evidence(PLAIN, rows(), settings=SHARING, choice=None))
    assert found["verdict"] == "not identified"
    assert not found["named"]
    assert said(found, "trained trunks that both see the embedding may have been swapped", "reasons")
    assert judge(evidence(PLAIN, rows(), choice=None))["verdict"] == "ranking only"
    labelled = judge(evidence(PLAIN, rows(labels=100), settings=SHARING, choice=None))
    assert labelled["verdict"] != "not identified"
    assert labelled["named"]


# ---- users and content


def test_users_seen_often() -> None:
    often = judge(evidence(users_of(100), rows(400, users=100)))
    assert often["users_seen_often"] == 100
    assert often["verdict"] == "up to scale"
    assert said(often, "100 users are seen 3 times or more", "reasons")
    seldom = judge(evidence(users_of(200), rows(400, users=200)))
    assert seldom["users_seen_often"] == 0
    assert seldom["verdict"] == "ranking only"
    assert not said(seldom, "users are seen", "reasons")


def test_one_user_is_not_several() -> None:
    found = judge(evidence(users_of(1), rows(400, users=1)))
    assert found["users_seen_often"] == 1
    assert found["verdict"] == "ranking only"


def test_graph_in_several_components() -> None:
    data = rows(400, users=20)
    user = data["user"].numpy()
    apart = judge(evidence(users_of(20), data, facts={"prompt": (user % 4).astype(str)}))
    assert apart["graph"]["components"] == 4
    assert said(apart, "users and prompts fall into 4 groups without a link")
    linked = judge(evidence(users_of(20), data, facts={"prompt": (np.arange(400) // 20).astype(str)}))
    assert linked["graph"]["components"] == 1
    assert not said(linked, "groups without a link")
    assert "graph" not in judge(evidence(users_of(20), data))
    mostly = judge(evidence(users_of(20), data, facts={"prompt": np.where(user == 0, "alone", "all")}))
    assert mostly["graph"]["components"] == 2
    assert not said(mostly, "groups without a link"), "95 % of the rows are in one"


# ---- labels


def with_labels(weight: float, shift: float = 0.0) -> tuple[Batch, dict[str, Any]]:
    """Labels that follow the embedding's first column, beside rewards that do so with weight 2."""
    data = rows(400)
    rng = torch.Generator().manual_seed(2)
    label = torch.bernoulli(torch.sigmoid(weight * data["embedding"][:, 0] + shift), generator=rng)
    label[200:] = math.nan
    draws = around(ImplicitModel(PLAIN), reward_weights=[2.0, 0.0], propensity_intercept=-5.0)
    return Batch({**data.columns, "label": label, "action": torch.zeros(400)}, 400), draws


def test_contradiction() -> None:
    for weight, verdict in ((-2.0, "not identified"), (2.0, "identified")):
        data, draws = with_labels(weight)
        found = judge(evidence(PLAIN, data, draws=draws, level=made_up(labels_at=SHARP)))
        assert found["verdict"] == verdict
        assert said(found, "the explicit labels contradict the rewards (AUROC", "reasons") == (weight < 0)


def test_label_bias() -> None:
    for shift in (3.0, 0.0):
        data, draws = with_labels(2.0, shift)
        assert said(judge(evidence(PLAIN, data, draws=draws)), "are they rows drawn at random?") == (shift > 0)


# ---- rows


def test_overlap() -> None:
    for effect, fires in ((4.0, True), (0.5, False)):
        draws = around(ImplicitModel(EXCLUSION), propensity_effects=[effect, 0.0])
        found = judge(evidence(EXCLUSION, rows(k=2), draws=draws))
        assert said(found, "under inverse-propensity weighting") == fires
        assert (found["overlap"]["share"] < 0.1) == fires


@pytest.mark.parametrize("name", ["user", "length", "device"])
def test_misfit(name: str) -> None:
    """Actions that depend on something that the model does not have; and the same facts beside actions that do not."""
    n = 2000
    data = rows(n)
    rng = np.random.default_rng(1)
    facts: dict[str, np.ndarray] = {
        "user": np.arange(n) % 10,
        "length": np.exp(rng.normal(size=n)),
        "device": rng.choice(np.array(["phone", "desk"], dtype=object), n),
    }
    drawn_to = {"user": facts["user"] < 5, "length": facts["length"] > 1, "device": facts["device"] == "phone"}[name]
    probability = torch.from_numpy(np.where(drawn_to, 0.35, 0.15)).float()
    action = torch.bernoulli(probability, generator=torch.Generator().manual_seed(3))
    found = judge(evidence(PLAIN, Batch({**data.columns, "action": action}, n), facts=facts))
    assert [said(found, f"misfit by {other}") for other in facts] == [other == name for other in facts]
    quiet = judge(evidence(PLAIN, data, facts=facts))
    assert not said(quiet, "misfit")
    assert len(quiet["checks"]) == 3


# ---- the level


def test_the_level_is_in_the_verdict() -> None:
    """Its own tests are in ``test_level_evidence``."""
    found = judge(evidence(PLAIN, rows()))
    assert found["level"]["governed_by"] == "prior"
    assert {"profile", "contraction", "link_contraction", "intercept_correlation", "range"} <= set(found["level"])


def test_one_mode_half_way_between_two_is_not_named() -> None:
    """Both heads see the embedding and nothing else: not identified, though one mode was found; a covariate of its own tells."""
    blind = judge(evidence(PLAIN, rows(), settings=SHARING))
    assert (blind["verdict"], blind["named"]) == ("not identified", False)
    assert said(blind, "the one mode that was found may be either", "reasons")
    for told in (judge(evidence(PLAIN, rows())), judge(evidence(EXCLUSION, rows(k=2), settings=SHARING))):
        assert told["named"]
        assert not said(told, "may be either", "reasons")
