from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probrm.data import Conversation, LogSpec, PairSpec, read_log, read_pairs
from probrm.encoders import EncoderConfig
from probrm.recipes.observed import observed_actions, observed_pairs
from probrm.recipes.pairs.inputs import pair_texts
from tests import support


def test_actions_with_what_makes_users_act() -> None:
    log = read_log(support.log_path(), LogSpec(propensity_features=("surface", "hour")))
    texts = list(dict.fromkeys(log.conversations))[::-1]
    found = observed_actions(log, texts)
    assert found is not None
    assert [texts[at] for at in found.answer] == log.conversations
    assert log.action is not None
    np.testing.assert_array_equal(found.outcome, log.action)
    assert found.covariates is not None
    assert found.covariates.shape == (300, 2)
    assert found.user is not None
    assert len(np.unique(found.user)) == 12
    same = np.array([c.prompt_text for c in log.conversations])
    np.testing.assert_array_equal(found.group[:, None] == found.group, same[:, None] == same)


def test_of_several_actions_the_naive_one(tmp_path: Path) -> None:
    frame = support.unlabelled()
    frame["rating"] = np.random.default_rng(0).integers(1, 6, len(frame))
    frame.to_parquet(tmp_path / "log.parquet")
    log = read_log(str(tmp_path / "log.parquet"), LogSpec(actions=("action", "rating:ordinal")))
    found = observed_actions(log, log.conversations)
    assert found is not None
    np.testing.assert_array_equal(found.outcome, frame["action"])


def test_a_log_without_actions_observed_nothing() -> None:
    log = read_log(support.truth_path(), LogSpec(columns={"action": ""}), require=())
    assert observed_actions(log, log.conversations) is None


@pytest.mark.parametrize("prompts", [True, False])
def test_pairs_with_their_prompts(tmp_path: Path, prompts: bool) -> None:
    pd.DataFrame({"prompt": ["a", "b", "a"] * 10, "chosen": [f"c{i}" for i in range(30)], "rejected": ["x"] * 30}).to_csv(
        tmp_path / "p.csv", index=False
    )
    pairs = read_pairs(str(tmp_path / "p.csv"), PairSpec())
    texts = pair_texts(pairs, EncoderConfig(), prompts=prompts)
    found = observed_pairs(pairs, texts, prompts=prompts)
    assert found.other is not None
    assert [texts[at] for at in found.answer] == pairs.chosen
    assert [texts[at] for at in found.other] == pairs.rejected
    assert (found.prompt is not None) == prompts
    if found.prompt is not None:
        assert texts[found.prompt[1]] == Conversation("b", "")
    assert (found.group == found.group[0]).tolist() == [c.prompt_text == "a" for c in pairs.chosen]
