from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from probrm.data.conversation import Conversation
from probrm.encoders.config import EncoderConfig
from probrm.encoders.depth import Depth, find_blocks
from probrm.encoders.loading import load_model
from probrm.encoders.resolving import resolve
from probrm.encoders.transformer import load_encoder
from probrm.errors import ConfigError, EncoderError

SMALL: dict[str, Any] = {"vocab_size": 40, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


def architectures() -> dict[str, Callable[[], nn.Module]]:
    """Small ones with random weights, three blocks each."""
    import transformers as t

    three: dict[str, Any] = {**SMALL, "num_hidden_layers": 3}
    grouped = {**three, "num_key_value_heads": 1}
    bart = t.BartConfig(vocab_size=40, d_model=16, encoder_layers=3, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2)
    t5 = t.T5Config(vocab_size=40, d_model=16, d_kv=8, d_ff=32, num_layers=3, num_decoder_layers=2, num_heads=2)
    deberta = t.DebertaV2Config(**three, relative_attention=True, position_biased_input=False)
    deberta.conv_kernel_size = 3  # a convolution between the first two blocks
    modern = t.ModernBertConfig(**three, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)
    return {
        "bert": lambda: t.BertModel(t.BertConfig(**three), add_pooling_layer=False),
        "roberta": lambda: t.RobertaModel(t.RobertaConfig(**three), add_pooling_layer=False),
        "distilbert": lambda: t.DistilBertModel(t.DistilBertConfig(vocab_size=40, dim=16, n_layers=3, n_heads=2, hidden_dim=32)),
        "modernbert": lambda: t.ModernBertModel(modern),
        "deberta": lambda: t.DebertaV2Model(deberta),
        "electra": lambda: t.ElectraModel(t.ElectraConfig(**three, embedding_size=16)),
        "mpnet": lambda: t.MPNetModel(t.MPNetConfig(**three), add_pooling_layer=False),
        "t5": lambda: t.T5Model(t5).get_encoder(),
        "bart": lambda: t.BartModel(bart).get_encoder(),
        "gpt2": lambda: t.GPT2Model(t.GPT2Config(vocab_size=40, n_embd=16, n_layer=3, n_head=2)),
        "llama": lambda: t.LlamaModel(t.LlamaConfig(**grouped)),
        "qwen2": lambda: t.Qwen2Model(t.Qwen2Config(**grouped)),
        "qwen3": lambda: t.Qwen3Model(t.Qwen3Config(**grouped, head_dim=8)),
        "gemma2": lambda: t.Gemma2Model(t.Gemma2Config(**grouped, head_dim=8)),
        "mistral": lambda: t.MistralModel(t.MistralConfig(**grouped)),
    }


IDS = torch.arange(3, 3 + 14).reshape(2, 7)
MASK = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])


@pytest.mark.parametrize("name", architectures())
def test_states_are_those_that_the_model_gives_when_it_is_asked_for_all(name: str) -> None:
    """And they stay so once the later blocks are dropped."""
    model = architectures()[name]().eval()
    depth = Depth(model)
    assert depth.last == 3
    inputs = {"input_ids": IDS, "attention_mask": MASK}
    with torch.inference_mode():
        there = model(**inputs, output_hidden_states=True)
        expected = [*there.hidden_states[:3], there.last_hidden_state]
        for found, state in zip(depth.states([0, 1, 2, None], **inputs), expected, strict=True):
            torch.testing.assert_close(found, state, atol=1e-6, rtol=0)
        size = sum(weight.numel() for weight in model.parameters())
        for layer in (2, 1, 0):
            depth.drop_after(layer)
            torch.testing.assert_close(depth.states([layer], **inputs)[0], expected[layer], atol=1e-6, rtol=0)
        assert sum(weight.numel() for weight in model.parameters()) < size
        torch.testing.assert_close(depth.states([0, 0], **inputs)[1], expected[0], atol=1e-6, rtol=0)


class Noted(nn.Module):
    """A block that knows how often it ran."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.runs = block, 0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.runs += 1
        return self.block(*args, **kwargs)


def test_no_block_runs_in_vain() -> None:
    model = architectures()["bert"]().eval()
    blocks = find_blocks(model)
    assert blocks is not None
    noted = [Noted(block) for block in blocks]
    for at, block in enumerate(noted):
        blocks[at] = block
    depth = Depth(model)
    with torch.inference_mode():
        depth.states([1, 2], input_ids=IDS, attention_mask=MASK)
        assert [block.runs for block in noted] == [1, 1, 0]
        depth.states([None, 1], input_ids=IDS, attention_mask=MASK)
    assert [block.runs for block in noted] == [2, 2, 1]


def test_a_layer_whose_blocks_were_dropped_is_not_read() -> None:
    depth = Depth(architectures()["bert"]().eval())
    depth.drop_after(1)
    depth.drop_after(2)  # they are gone
    for layers in ([2], [None], [0, None]):
        with pytest.raises(AssertionError, match="were dropped"):
            depth.states(layers, input_ids=IDS, attention_mask=MASK)


def test_sublayers_of_the_same_number_are_no_blocks(tiny: Callable[[str], Path]) -> None:
    """T5 with two blocks: each holds a list of two sublayers."""
    assert Depth(load_model(resolve(str(tiny("t5"))), torch.float32)).last == 2


def test_an_architecture_whose_blocks_cannot_be_told_apart() -> None:
    """ALBERT runs one block several times."""
    import transformers as t

    model = t.AlbertModel(t.AlbertConfig(**SMALL, embedding_size=16, num_hidden_layers=3), add_pooling_layer=False).eval()
    depth = Depth(model)
    assert depth.last is None
    with torch.inference_mode():
        (state,) = depth.states([None], input_ids=IDS, attention_mask=MASK)
    assert state.shape == (2, 7, 16)


def test_states_that_are_no_token_vectors_are_refused() -> None:
    """XLNet keeps its tokens in the first dimension."""
    import transformers as t

    model = t.XLNetModel(t.XLNetConfig(vocab_size=40, d_model=16, n_layer=3, n_head=2, d_inner=32)).eval()
    with torch.inference_mode(), pytest.raises(EncoderError, match="layer 1 of a XLNetModel is not one vector for each token"):
        Depth(model).states([1], input_ids=IDS, attention_mask=MASK)


# ---- by the settings of an encoder


def config(folder: Path, **settings: Any) -> EncoderConfig:
    return EncoderConfig(name=str(folder), precision="float32", normalize=False, **settings)


TEXTS = [Conversation("What is it", "a long answer"), Conversation("Who", "me"), Conversation("Who", ""), Conversation("What is it", "")]


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "t5", "roberta"])
def test_vectors_at_a_layer_are_means_over_the_response_and_of_a_prompt_over_the_prompt(tiny: Callable[[str], Path], family: str) -> None:
    folder = resolve(str(tiny(family)))
    encoder = load_encoder(config(tiny(family), layer=0, prompt_layer="last", max_length=48))
    vectors = encoder.encode(TEXTS)
    every = load_encoder(config(tiny(family), layer="auto", prompt_layer="auto", max_length=48)).every_layer(TEXTS)
    torch.testing.assert_close(every[0, :2], vectors[:2], atol=1e-5, rtol=0)
    torch.testing.assert_close(every[-1, 2:], vectors[2:], atol=1e-5, rtol=0)
    model = load_model(folder, torch.float32)
    for row, text in enumerate(encoder._apart(TEXTS)):
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([text.ids]), output_hidden_states=True).hidden_states
        for layer, state in enumerate(states):
            wanted = torch.tensor([part == (1 if text.prompt_only else 2) for part in text.parts])
            torch.testing.assert_close(every[layer, row], state[0, wanted].mean(0), atol=1e-5, rtol=0)


def test_blocks_that_only_prompts_need_are_forgotten_where_none_is_asked_for(tiny: Callable[[str], Path]) -> None:
    encoder = load_encoder(config(tiny("bert"), layer=0, prompt_layer="last"))
    before = encoder.encode(TEXTS[:2])
    size = sum(weight.numel() for weight in encoder._forward.model.parameters())
    encoder.without_prompts()
    assert sum(weight.numel() for weight in encoder._forward.model.parameters()) < size
    assert torch.equal(encoder.encode(TEXTS[:2]), before)


def test_a_layer_that_there_is_not(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigError, match=r"encoder.layer is 3; .* has layers 0 \(the token embeddings\) to 2"):
        load_encoder(config(tiny("bert"), layer=3))
    with pytest.raises(ConfigError, match=r"encoder.prompt_layer is 7"):
        load_encoder(config(tiny("bert"), layer=1, prompt_layer=7))
    assert load_encoder(config(tiny("bert"), layer=2, prompt_layer=2)).config.layer == "last"


def test_a_layer_that_is_still_to_be_chosen(tiny: Callable[[str], Path]) -> None:
    encoder = load_encoder(config(tiny("bert")))
    for use in (lambda: encoder.key, lambda: encoder.encode(TEXTS)):
        with pytest.raises(ConfigError, match=r"encoder.layer is 'auto'.*no actions and no pairs") as caught:
            use()
    assert "from 0 (the token embeddings) to 2" in caught.value.fix
    encoder.use_layers(1, 2)
    assert (encoder.config.layer, encoder.config.prompt_layer) == (1, "last")
    assert encoder.key == load_encoder(config(tiny("bert"), layer=1, prompt_layer="last")).key
    assert encoder.encode(TEXTS).shape == (4, 32)


def test_an_encoder_whose_blocks_cannot_be_told_apart_is_read_at_its_last_layer(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probrm.encoders.depth.find_blocks", lambda model: None)
    with pytest.raises(EncoderError, match=r"layers of encoder .* cannot be distinguished"):
        load_encoder(config(tiny("bert"), layer=1))
    encoder = load_encoder(config(tiny("bert")))
    assert (encoder.config.layer, encoder.config.prompt_layer) == ("last", "last")
    assert any("its last one is used" in note for note in encoder.notes)


def test_a_token_that_sees_nothing_of_the_text_is_refused(tiny: Callable[[str], Path]) -> None:
    for pooling in ("cls", "last"):
        with pytest.raises(EncoderError, match=f"pooling '{pooling}' .* at layer 0"):
            load_encoder(config(tiny("bert"), pooling=pooling, layer=0, text="response"))
