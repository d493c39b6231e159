from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from probrm.data import Conversation, Pairs, PairSpec, read_pairs
from probrm.encoders import EncoderConfig
from probrm.errors import DataError
from probrm.recipes.pairs.inputs import PairInputs, pair_texts, prompt_conversation

TRIPLES = [("p", "a", "b"), ("p", "a", "c"), ("q", "a", "d"), ("q", "d", "e"), ("r", "f", "g")]


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def make(triples: list[tuple[str, str, str]] = TRIPLES, **columns: Any) -> Pairs:
        frame = pd.DataFrame(triples, columns=["prompt", "chosen", "rejected"]).assign(**columns)
        frame.to_parquet(tmp_path / "pairs.parquet")
        return read_pairs(str(tmp_path / "pairs.parquet"), PairSpec(ties="davidson"), min_pairs=1)

    return make


def vectors(pairs: Pairs, d: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Random vectors, equal ones for equal texts."""
    known: dict[tuple[str, str], Tensor] = {}
    generator = torch.Generator().manual_seed(0)

    def of(prompt: str, response: str) -> Tensor:
        if (prompt, response) not in known:
            known[prompt, response] = 3 + 2 * torch.randn(d, generator=generator)
        return known[prompt, response]

    chosen, rejected = (torch.stack([of(c.prompt_text, c.response) for c in side]) for side in (pairs.chosen, pairs.rejected))
    return chosen, rejected, torch.stack([of(c.prompt_text, "") for c in pairs.chosen])


def test_equal_texts_have_equal_indices(read: Any) -> None:
    pairs = read()
    batch = PairInputs.fit(pairs, *vectors(pairs)).batch(pairs, *vectors(pairs))
    assert batch["prompt_index"].tolist() == [0, 0, 1, 1, 2]
    assert batch["chosen_index"].tolist() == [0, 0, 1, 2, 3]  # the answer "a" to p is not the answer "a" to q
    assert batch["rejected_index"].tolist() == [4, 5, 2, 6, 7]
    assert all(batch[name].dtype == torch.long for name in batch.columns if name.endswith("_index"))


def test_columns_are_standardised_over_distinct_responses_and_prompts(read: Any) -> None:
    pairs = read()
    inputs = PairInputs.fit(pairs, *vectors(pairs))
    batch = inputs.batch(pairs, *vectors(pairs))
    sides = torch.cat([batch["chosen"], batch["rejected"]])
    index = torch.cat([batch["chosen_index"], batch["rejected_index"]])
    distinct = torch.stack([sides[index == j][0] for j in range(8)])
    np.testing.assert_allclose(distinct.mean(0).numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(distinct.std(0, correction=0).numpy(), 1, atol=1e-6)
    prompts = batch["prompt"][[0, 2, 4]]
    np.testing.assert_allclose(prompts.mean(0).numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(prompts.std(0, correction=0).numpy(), 1, atol=1e-6)
    assert not torch.allclose(sides.mean(0), torch.zeros(3), atol=1e-3)  # over the sides of the pairs it is another mean


def test_a_column_that_never_varies_is_zero(read: Any) -> None:
    pairs = read()
    chosen, rejected, _ = vectors(pairs)
    chosen[:, 1] = rejected[:, 1] = 7.0
    inputs = PairInputs.fit(pairs, chosen, rejected)
    assert inputs.batch(pairs, chosen, rejected)["chosen"][:, 1].tolist() == [0.0] * 5


def test_outcome_and_weight_are_the_file_s(read: Any) -> None:
    pairs = read(tie=[0, 1, 0, 0, 0], weight=[1.0, 2.0, 0.5, 1.0, 1.0])
    batch = PairInputs.fit(pairs, *vectors(pairs)).batch(pairs, *vectors(pairs))
    assert batch["outcome"].tolist() == [1.0, 0.5, 1.0, 1.0, 1.0]
    assert batch["weight"].tolist() == [1.0, 2.0, 0.5, 1.0, 1.0]
    assert len(batch) == batch.total == 5


def test_without_prompts_there_is_no_such_column(read: Any) -> None:
    pairs = read()
    chosen, rejected, _ = vectors(pairs)
    inputs = PairInputs.fit(pairs, chosen, rejected)
    assert len(inputs.prompt_centre) == 0
    assert "prompt" not in inputs.batch(pairs, chosen, rejected)
    assert set(inputs.single(chosen).columns) == {"response"}


def test_scores_are_those_of_the_chosen_side_in_units_of_all_sides(read: Any) -> None:
    given = {"chosen_clear": [3.0, 3.0, 4.0, np.nan, 2.0], "rejected_clear": [1.0, 2.0, 0.0, 1.0, 1.0]}
    pairs = read(**given, chosen_concise=[0.0, 0.0, 1.0, 0.0, 1.0], rejected_concise=[1.0, 0.0, 0.0, 1.0, 0.0])
    inputs = PairInputs.fit(pairs, *vectors(pairs))
    assert inputs.attributes == ("clear", "concise")
    scores = inputs.batch(pairs, *vectors(pairs))["scores"]
    distinct = np.array([3.0, 4.0, np.nan, 2.0, 1.0, 2.0, 1.0, 1.0])  # a, a', d, f, b, c, e, g; d is chosen where it has no score
    mean, sd = np.nanmean(distinct), np.nanstd(distinct)
    expected = (np.array([3.0, 3.0, 4.0, np.nan, 2.0]) - mean) / sd
    np.testing.assert_allclose(scores[:, 0].numpy(), expected, atol=1e-6)


def test_attributes_of_another_file_are_found_by_name(read: Any) -> None:
    pairs = read(
        chosen_clear=[3.0, 3, 4, 1, 2], rejected_clear=[1.0, 2, 0, 1, 1], chosen_concise=[0.0, 0, 1, 0, 1], rejected_concise=[1.0] * 5
    )
    inputs = PairInputs.fit(pairs, *vectors(pairs))
    other = read(chosen_concise=[0.0, 1, 1, 0, 1], rejected_concise=[1.0] * 5)
    scores = inputs.batch(other, *vectors(other))["scores"]
    assert bool(scores[:, 0].isnan().all())
    short = (torch.tensor([0.0, 1, 1, 0, 1]) - inputs.attribute_mean[1]) / inputs.attribute_sd[1]
    torch.testing.assert_close(scores[:, 1], short)


def test_single_responses_are_scaled_as_those_of_pairs(read: Any) -> None:
    pairs = read()
    chosen, rejected, prompt = vectors(pairs)
    inputs = PairInputs.fit(pairs, chosen, rejected, prompt)
    batch, single = inputs.batch(pairs, chosen, rejected, prompt), inputs.single(rejected, prompt)
    torch.testing.assert_close(single["response"], batch["rejected"])
    torch.testing.assert_close(single["prompt"], batch["prompt"])


@pytest.mark.parametrize("kind", ["pairs", "single"])
def test_vectors_of_another_length(kind: str, read: Any) -> None:
    pairs = read()
    inputs = PairInputs.fit(pairs, *vectors(pairs))
    with pytest.raises(DataError, match=r"embeddings have 2 columns, the run was fitted on 3"):
        inputs.batch(pairs, *vectors(pairs, 2)) if kind == "pairs" else inputs.single(torch.zeros(4, 2))


@pytest.mark.parametrize("prompts", [True, False])
def test_restored_it_gives_the_same_columns(prompts: bool, read: Any) -> None:
    pairs = read(chosen_clear=[3.0, 3, 4, 1, 2], rejected_clear=[1.0, 2, 0, 1, 1])
    sides = vectors(pairs) if prompts else vectors(pairs)[:2]
    inputs = PairInputs.fit(pairs, *sides)
    again = PairInputs.restore(inputs.to_dict(), inputs.tensors())
    first, second = inputs.batch(pairs, *sides), again.batch(pairs, *sides)
    assert first.columns.keys() == second.columns.keys()
    assert all(torch.equal(first[name], second[name]) for name in first.columns)


def test_what_is_encoded_for_a_prompt(read: Any) -> None:
    chat = (("system", "Be brief."), ("user", "Why?"))
    assert prompt_conversation(Conversation(chat, "So."), "pair") == Conversation(chat, "")
    assert prompt_conversation(Conversation(chat, "So."), "response") == Conversation("", "system: Be brief.\n\nuser: Why?")
    pairs = read()
    texts = pair_texts(pairs, EncoderConfig(), prompts=True)
    assert texts[:5] == pairs.chosen
    assert texts[5:10] == pairs.rejected
    assert texts[10:] == [Conversation(prompt, "") for prompt in "ppqqr"]
    assert pair_texts(pairs, EncoderConfig(), prompts=False) == texts[:10]
