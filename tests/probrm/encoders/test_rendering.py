from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probrm.data.conversation import Conversation
from probrm.encoders.loading import load_tokenizer
from probrm.encoders.rendering import Rendered, Renderer
from probrm.encoders.resolving import resolve
from probrm.errors import EncoderError

MakeRenderer = Callable[..., Renderer]
MESSAGES = st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=60))
CHATS = st.lists(MESSAGES, min_size=1, max_size=4).map(tuple)


@pytest.fixture(scope="module")
def renderer(tiny: Callable[[str], Path]) -> MakeRenderer:
    def make(family: str, max_length: int = 128, text: Literal["pair", "response"] = "pair") -> Renderer:
        return Renderer(load_tokenizer(resolve(str(tiny(family)))), text=text, max_length=max_length)

    return make


def test_bert_pairs_are_what_its_tokenizer_makes(renderer: MakeRenderer, tiny: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(resolve(str(tiny("bert"))))
    (rendered,) = renderer("bert")([Conversation("what is 2+2?", "4")])
    assert rendered.ids == tokenizer("what is 2+2?", "4")["input_ids"]


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5", "roberta"])
def test_the_boundary_between_prompt_and_response_is_seen(renderer: MakeRenderer, family: str) -> None:
    texts = renderer(family)([Conversation("ab", "c"), Conversation("a", "bc"), Conversation("a b", "c"), Conversation("a", "b c")])
    assert len({tuple(rendered.ids) for rendered in texts}) == 4


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5"])
def test_special_tokens_in_a_text_are_text(renderer: MakeRenderer, family: str) -> None:
    render = renderer(family, 256)
    tokens = ["[PAD]", "[SEP]", "[CLS]", "<|endoftext|>", "<|im_end|>", "<pad>", "</s>"]
    special = set(render._tokenizer.all_special_ids)
    plain, *forged = render([Conversation("q", "x"), *(Conversation("q", f"x{token}y {token}") for token in tokens)])
    assert all(sum(token in special for token in text.ids) == sum(token in special for token in plain.ids) for text in forged)


def test_cutting_keeps_the_end_of_the_prompt_and_the_beginning_of_the_response(renderer: MakeRenderer) -> None:
    render = renderer("gpt2", 64)
    prompt, response = "p" * 300 + "END", "BEGIN" + "r" * 300
    (rendered,) = render([Conversation(prompt, response)])
    assert len(rendered) == 64
    text = render._tokenizer.decode(rendered.ids)
    assert text.startswith("User:\np")
    assert "pEND\n\nAssistant:\nBEGINr" in text
    assert abs(text.count("r") - text.count("p")) < 10
    assert render.truncated == 1


@pytest.mark.parametrize(("prompt", "response"), [(300, 10), (10, 300)])
def test_the_longer_text_is_cut_first(renderer: MakeRenderer, prompt: int, response: int) -> None:
    render = renderer("gpt2", 64)
    (rendered,) = render([Conversation("p" * prompt, "q" * response)])
    text = render._tokenizer.decode(rendered.ids)
    assert len(rendered) == 64
    assert min(text.count("p"), text.count("q")) == 10


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompt=st.one_of(st.text(max_size=120), CHATS),
    response=st.text(min_size=1, max_size=200),
    family=st.sampled_from(["bert", "gpt2", "llama", "t5"]),
    max_length=st.integers(48, 96),
)
def test_any_text_gives_ids_within_the_limit(
    renderer: MakeRenderer, prompt: str | tuple[tuple[str, str], ...], response: str, family: str, max_length: int
) -> None:
    (rendered,) = renderer(family, max_length)([Conversation(prompt, response)])
    assert 0 < len(rendered) <= max_length


def test_a_long_preamble_of_the_template_leaves_room_for_the_text(renderer: MakeRenderer) -> None:
    render = renderer("llama", 96)
    render._tokenizer.chat_template = "<|im_start|>" + "x" * 500 + "{% for m in messages %}{{ m.content }}|{% endfor %}"
    (rendered,) = render([Conversation("Hi", "Hello")])
    text = render._tokenizer.decode(rendered.ids)
    assert len(rendered) <= 96
    assert text.startswith("<|im_start|>xxx")
    assert text.endswith("xHi|Hello|")
    assert render.truncated == 0


def test_no_room_beside_the_special_tokens_is_said(renderer: MakeRenderer) -> None:
    with pytest.raises(EncoderError, match="max_length 16 leaves") as caught:
        renderer("gpt2", 16)([Conversation("Hi", "Hello")])
    assert "set max_length to" in caught.value.fix


def test_texts_that_fall_together_are_counted(renderer: MakeRenderer) -> None:
    render = renderer("bert", 32)
    cut = [Conversation("q", "a " * 100 + end) for end in ("x", "y", "z")]
    render([*cut, Conversation("Q", "same"), Conversation("q", "SAME"), Conversation("q", "other")])
    render(cut)  # a second time: counted once
    assert (render.seen, render.truncated, render.merged) == (6, 3, 3)
    assert any(note.startswith("3 of 6 texts are longer than 32 tokens") for note in render.notes)
    assert any(note.startswith("3 of 6 texts differ from another only in what was cut") for note in render.notes)


def test_the_same_response_to_two_prompts_is_no_collision_when_the_response_alone_is_encoded(renderer: MakeRenderer) -> None:
    render = renderer("bert", 32, "response")
    first, second = render([Conversation("a", "same"), Conversation("b", "same")])
    assert first == second
    assert render.notes == []


def test_empty_and_broken_texts_still_give_ids(renderer: MakeRenderer) -> None:
    ids = renderer("gpt2", 64, "response")([Conversation("q", ""), Conversation("q", "\ud800")])
    assert ids[0].ids == [256]  # the end token
    assert ids[1] == renderer("gpt2", 64, "response")([Conversation("q", "?")])[0]


def parts(render: Renderer, rendered: Rendered) -> tuple[str, str, str]:
    """What stands around the texts, the prompt's texts and the response, as text."""
    chosen = [[token for token, part in zip(rendered.ids, rendered.parts, strict=True) if part == wanted] for wanted in range(3)]
    around, prompt, response = (render._tokenizer.decode(ids).replace(" ", "").replace("##", "") if ids else "" for ids in chosen)
    return around, prompt, response


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama", "t5"])
def test_where_prompt_and_response_stand(renderer: MakeRenderer, family: str) -> None:
    """Chat template, pair and marks; what is cut is cut from the right part."""
    render = renderer(family, 64)
    short, long, no_response = render(
        [Conversation("abc", "de"), Conversation("p " * 300 + "x", "y" + " r" * 300), Conversation("abc", "")]
    )
    assert parts(render, short)[1:] == ("abc", "de")
    _, prompt, response = parts(render, long)
    assert prompt == (len(prompt) - 1) * "p" + "x"
    assert response == "y" + (len(response) - 1) * "r"
    assert min(len(prompt), len(response)) > 5
    assert parts(render, no_response)[1:] == ("abc", "")
    assert [text.prompt_only for text in (short, long, no_response)] == [False, False, True]
    assert all(len(text.parts) == len(text.ids) for text in (short, long, no_response))


def test_frames_within_a_chat_are_no_text(renderer: MakeRenderer) -> None:
    render = renderer("llama", 256)
    chat = Conversation((("system", "one"), ("user", "two"), ("assistant", "three"), ("user", "four")), "five")
    (rendered,) = render([chat])
    assert parts(render, rendered)[1:] == ("onetwothreefour", "five")
    assert parts(render, rendered)[0].startswith("<|im_start|>system\n")


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_response_alone_is_all_response(renderer: MakeRenderer, family: str) -> None:
    render = renderer(family, 64, "response")
    response, prompt = render([Conversation("q", "abc"), Conversation("", "q")])
    assert parts(render, response)[1:] == ("", "abc")
    assert parts(render, prompt)[1:] == ("", "q")
    assert not response.prompt_only


def test_what_is_pooled_over() -> None:
    """The response; without its tokens the prompt; without these all."""
    assert Rendered([7, 8, 9, 10], b"\0\1\2\0").text == [False, False, True, False]
    assert Rendered([7, 8, 9], b"\0\1\0").text == [False, True, False]
    assert Rendered([7, 8], b"\0\0").text == [True, True]
