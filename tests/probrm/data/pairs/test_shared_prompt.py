from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probrm.data.conversation import Conversation
from probrm.data.pairs.shared_prompt import Text, Unusable, parse_turns, split_sides

U, A, S = "user", "assistant", "system"


def split(prompt: Text | None, chosen: Text | None, rejected: Text | None, *, at_words: bool = False) -> object:
    found = split_sides(prompt, chosen, rejected, implicit=prompt is None, at_words=at_words)
    return found if isinstance(found, Unusable) else (found[0].prompt, found[0].response, found[1].response)


def chat(*turns: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return turns


def test_texts_are_taken_as_they_are():
    assert split("Q", " a", " b ") == ("Q", " a", " b ")


def test_a_chat_prompt_with_one_answer_each():
    asked = chat((S, "Be brief."), (U, "Q"))
    assert split(asked, chat((A, "a")), chat((A, "b"))) == (asked, "a", "b")
    assert split(asked, "a", chat((A, "b"))) == (asked, "a", "b")


@pytest.mark.parametrize("prompt", [None, "Q", " Q\n", chat((U, "Q"))])
def test_chats_that_repeat_the_prompt(prompt: Text | None):
    asked, one, other = split(prompt, chat((U, "Q"), (A, "a")), chat((U, "Q"), (A, "b")))  # type: ignore[misc]
    assert Conversation(asked, one).prompt_text.strip() == "Q"
    assert (one, other) == ("a", "b")


def test_a_system_message_of_its_own_goes_before_the_chat():
    assert split(chat((S, "Be brief.")), chat((U, "Q"), (A, "a")), chat((U, "Q"), (A, "b"))) == (
        chat((S, "Be brief."), (U, "Q")),
        "a",
        "b",
    )


def test_a_chat_that_puts_a_system_message_before_the_prompt_is_whole():
    whole = chat((S, "Be brief."), (U, "Q"))
    assert split(chat((U, "Q")), (*whole, (A, "a")), (*whole, (A, "b"))) == (whole, "a", "b")


def test_a_plain_prompt_before_answers_stays_plain():
    assert split("Q", chat((A, "a")), chat((A, "b"))) == ("Q", "a", "b")


def test_the_prompt_is_the_longest_common_start():
    start = chat((U, "1"), (A, "x"), (U, "2"))
    assert split(None, (*start, (A, "a")), (*start, (A, "b"))) == (start, "a", "b")


def test_what_follows_the_first_difference_is_joined():
    chosen = chat((U, "1"), (A, "a"), (U, "2"), (A, "c"))
    assert split(None, chosen, chat((U, "1"), (A, "b"))) == (chat((U, "1")), "a\n\nuser: 2\n\nassistant: c", "b")
    assert split("1", chat((A, "a"), (A, "c")), chat((A, "b"))) == ("1", "a\n\nc", "b")


def test_a_side_that_goes_on_after_the_same_answer_keeps_it():
    assert split(None, chat((U, "1"), (A, "a"), (U, "2"), (A, "c")), chat((U, "1"), (A, "a"))) == (
        chat((U, "1")),
        "a\n\nuser: 2\n\nassistant: c",
        "a",
    )


def test_equal_sides_are_a_pair_of_equal_answers():
    assert split(None, chat((U, "1"), (A, "a")), chat((U, "1"), (A, "a"))) == (chat((U, "1")), "a", "a")


def test_anthropics_texts_become_chats():
    start = "\n\nHuman: 1\n\nAssistant: x\nand more\n\nHuman: 2\n\nAssistant:"
    asked = chat((U, "1"), (A, "x\nand more"), (U, "2"))
    assert split(None, start + " Sure, a", start + " Sure, b") == (asked, "Sure, a", "Sure, b")
    assert split(None, start.strip() + " a", start + " b") == (asked, "a", "b")


@given(st.lists(st.tuples(st.sampled_from([U, A]), st.text("ab \n", min_size=1).map(str.strip)), min_size=1))
def test_turns_there_and_back(turns: list[tuple[str, str]]):
    names = {U: "Human", A: "Assistant"}
    assert parse_turns("".join(f"\n\n{names[role]}: {content}" for role, content in turns)) == tuple(turns)


def test_a_text_before_the_first_turn_is_no_chat():
    assert parse_turns("Once\n\nHuman: 1\n\nAssistant: 2") is None
    assert parse_turns("The Human: said") is None


def test_plain_texts_without_turns_are_cut_only_when_asked():
    sides = "The sky is blue.", "The sky is black."
    assert split(None, *sides) is Unusable.PROMPTS
    assert split(None, *sides, at_words=True) == ("The sky is", " blue.", " black.")
    assert split(None, "The sky", "A sky", at_words=True) is Unusable.PROMPTS
    assert split(None, "The sky is", "The sky is blue", at_words=True) == ("The sky", " is", " is blue")


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "why"),
    [
        ("Q", None, "b", Unusable.EMPTY),
        ("Q", "a", None, Unusable.EMPTY),
        (None, chat((U, "Q"), (A, " ")), chat((U, "Q"), (A, "b")), Unusable.EMPTY),
        (None, chat((U, " "), (A, "a")), chat((U, " "), (A, "b")), Unusable.EMPTY),
        (None, chat((U, "Q")), chat((U, "Q")), Unusable.NO_ANSWER),
        ("Q", chat((U, "Q"), (A, "a")), chat((U, "Q"), (A, "b"), (U, "more")), Unusable.NO_ANSWER),
        (None, chat((U, "Q"), (A, "a")), chat((U, "P"), (A, "b")), Unusable.PROMPTS),
        (None, chat((U, "1"), (A, "x"), (U, "2"), (A, "a")), chat((U, "1"), (A, "x"), (U, "3"), (A, "b")), Unusable.PROMPTS),
        (None, chat((A, "a")), chat((A, "b")), Unusable.PROMPTS),
        (None, "\n\nHuman: Q\n\nAssistant: a", "\n\nHuman: P\n\nAssistant: b", Unusable.PROMPTS),
        ("Q", chat((U, "P"), (A, "a")), chat((U, "P"), (A, "b")), Unusable.PROMPTS),
    ],
)
def test_what_is_no_pair(prompt: Text | None, chosen: Text | None, rejected: Text | None, why: Unusable):
    assert split(prompt, chosen, rejected) is why


def test_a_missing_prompt_is_not_an_implicit_one():
    sides = chat((U, "Q"), (A, "a")), chat((U, "Q"), (A, "b"))
    assert split_sides(None, *sides, implicit=False, at_words=False) is Unusable.EMPTY
