from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from probrm.data.conversation import Conversation
from probrm.encoders import resolving, transformer
from probrm.encoders.config import EncoderConfig, Pooling
from probrm.encoders.precision import PROBES
from probrm.encoders.transformer import TransformerEncoder, load_encoder
from probrm.errors import ConfigError, EncoderError

FAMILIES = ["bert", "roberta", "gpt2", "llama", "t5"]
TEXTS = [
    Conversation("Hi", "a"),
    Conversation("Hi", "ab"),
    Conversation("Hi", "ba"),
    Conversation("Hia", "b"),
    Conversation("Hi", "[PAD]"),
    Conversation("Hi", "[PAD][PAD]"),
    Conversation("Hi", "<|endoftext|>"),
    Conversation("Hi", "<|endoftext|><|endoftext|>"),
    Conversation("Hi", "<|im_end|>"),
    Conversation("Hi", "<pad>"),
    Conversation("Hi", "a long response that pads the others " * 2),
    Conversation("a long prompt that pads the others " * 2, "a"),
    Conversation((("system", "Be brief."), ("user", "Hi")), "a"),
]


def load(folder: Path, **settings: object) -> TransformerEncoder:
    common = {"name": str(folder), "precision": "float32", "max_length": 120, "layer": "last", "prompt_layer": "last"}
    return load_encoder(EncoderConfig(**{**common, **settings}))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pooling", ["response", "mean", "last", "cls"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_has_one_vector_alone_and_in_a_padded_batch_and_no_other_text_has_it(
    tiny: Callable[[str], Path], tmp_path: Path, family: str, pooling: Pooling, side: str
) -> None:
    folder = shutil.copytree(tiny(family), tmp_path / "model")
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "padding_side": side}))
    if pooling == "cls" and family in ("gpt2", "llama"):
        with pytest.raises(EncoderError, match=r"the first token, .* that token sees nothing of the text"):
            load(folder, pooling=pooling)
        return
    encoder = load(folder, pooling=pooling, normalize=False)
    together = encoder.encode(TEXTS)
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert together.shape == (len(TEXTS), encoder.dim)
    # Random tiny models differ little between texts; 1e-3 is a hundred times what padding does.
    assert torch.pdist(alone).min() > 1e-3


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_vectors_do_not_depend_on_the_batch_budget(tiny: Callable[[str], Path], family: str) -> None:
    small, large = (load(tiny(family), batch_tokens=budget).encode(TEXTS) for budget in (1, 100_000))
    torch.testing.assert_close(small, large, atol=1e-5, rtol=0)


def test_every_setting_that_changes_vectors_changes_the_key_and_no_other(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tiny("bert")
    base = load(folder).key
    settings: list[dict[str, object]] = [
        {"pooling": "cls"},
        {"max_length": 64},
        {"normalize": False},
        {"precision": "bfloat16"},
        {"text": "response"},
        {"pooling": "mean"},
        {"layer": 0},
        {"layer": 1},
        {"prompt_layer": 1},
        {"compile": True},
    ]
    assert len({base, *(load(folder, **setting).key for setting in settings)}) == 1 + len(settings)
    assert load(folder, batch_tokens=7).key == load(folder, layer=2).key == base
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    assert load(copy).key == base
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert load(copy).key != base


def test_compiled_blocks_give_the_same_vectors(tiny: Callable[[str], Path]) -> None:
    folder = tiny("llama")
    reference, encoder = load(folder, layer=1).encode(TEXTS), load(folder, layer=1, compile=True)
    torch.testing.assert_close(encoder.encode(TEXTS), reference, atol=1e-5, rtol=0)
    counters = torch._dynamo.utils.counters
    assert counters["stats"]["unique_graphs"] > 0  # something was compiled
    made = counters["stats"]["unique_graphs"]
    encoder.encode(TEXTS[:2])
    encoder.encode(TEXTS)
    assert counters["stats"]["unique_graphs"] <= made + 1  # another number of texts or tokens does not compile it again and again


def test_what_cannot_be_compiled_is_told(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(function: object, **_: object) -> object:
        def compiled(*_: object, **__: object) -> object:
            raise RuntimeError("no C++ compiler found")

        return compiled

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(EncoderError, match="cannot be compiled here: RuntimeError: no C") as caught:
        load(tiny("bert"), compile=True).encode(TEXTS)
    assert "encoder.compile" in caught.value.fix


def test_automatic_precision_is_settled_by_the_texts_and_then_stays(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "candidate", lambda device: torch.bfloat16)
    monkeypatch.setattr(transformer, "agrees", lambda reference, shorter: True)
    encoder = load(tiny("bert"), precision="auto")
    encoder.prepare(TEXTS)
    assert encoder.config.precision == "bfloat16"
    assert encoder.key == load(tiny("bert"), precision="bfloat16").key
    monkeypatch.setattr(transformer, "agrees", lambda reference, shorter: False)
    encoder.encode(TEXTS)
    assert encoder.config.precision == "bfloat16"
    assert encoder.notes == []


def test_a_short_type_that_strays_is_given_up_for_float32(tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "candidate", lambda device: torch.bfloat16)
    monkeypatch.setattr("probrm.encoders.precision.AGREEMENT", 1.0)
    encoder = load(tiny("bert"), precision="auto")
    vectors = encoder.encode(TEXTS)
    assert encoder.config.precision == "float32"
    assert any("float32 is used" in note for note in encoder.notes)
    torch.testing.assert_close(vectors, load(tiny("bert")).encode(TEXTS))


def test_a_limit_of_the_model_and_a_cards_pooling_are_told(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("bert"), tmp_path / "model")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    encoder = load(folder, max_length=512, pooling="mean")
    assert encoder.config.max_length == 128
    assert len(encoder.notes) == 2
    assert "trained with cls pooling; mean is used" in encoder.notes[1]
    assert load(folder).notes == []  # pooling over the response is a choice of its own
    encoder.encode([Conversation("q", "word " * 500)])
    assert "1 of 1 texts are longer than 128 tokens" in encoder.notes[-1]


def test_progress_counts_every_text_and_nothing_is_printed(tiny: Callable[[str], Path], capfd: pytest.CaptureFixture[str]) -> None:
    from contextlib import contextmanager

    class Counter:
        def __init__(self) -> None:
            self.total = self.seen = 0

        @contextmanager
        def task(self, label: str, total: int):
            self.total += total

            def advance(n: int = 1, **fields: object) -> None:
                self.seen += n

            yield advance

    counter = Counter()
    folder = tiny("gpt2")
    capfd.readouterr()  # what saving it printed
    encoder = load(folder, batch_tokens=64)
    encoder.encode([*TEXTS, Conversation("q", "long " * 400)], progress=counter)
    assert counter.total == counter.seen == len(TEXTS) + 1
    assert encoder.encode([]).shape == (0, encoder.dim)
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_an_unknown_device_is_refused(tiny: Callable[[str], Path]) -> None:
    for device in ("toaster", "cuda:99"):
        with pytest.raises(ConfigError, match=device):
            load_encoder(EncoderConfig(name=str(tiny("bert"))), device=device)


# The default encoder itself, where it is installed.


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"pooling": "mean", "precision": "float32"}, "5a6af14fb6ceafd3b4f4075abc48a5c492e83aa1457b4cc931f80ae98e77a9a9"),
        ({"pooling": "mean", "precision": "bfloat16"}, "12b8a0b1ec87d6fe239d166ed10da6dec7c08a3d262c58f33e077c5c0019817d"),
        (
            {"pooling": "cls", "precision": "float32", "text": "response", "max_length": 64, "normalize": False},
            "98d667b3909e51f7a9718e42d326e04ce46de94aac6be3a94d94fce041a3a433",
        ),
    ],
)
def test_keys_of_before_there_were_layers(settings: dict[str, object], key: str) -> None:
    """Caches, stores and runs of then are found by them."""
    pytest.importorskip(resolving.OFFLINE_PACKAGE, reason="needs probrm[offline]")
    assert load_encoder(EncoderConfig.restore({"name": "default", **settings})).key == key


@pytest.fixture(scope="module")
def default() -> TransformerEncoder:
    pytest.importorskip(resolving.OFFLINE_PACKAGE, reason="needs probrm[offline]")
    return load_encoder(EncoderConfig(precision="float32", pooling="mean", layer="last"))


def test_the_default_tells_good_answers_from_bad_topics(default: TransformerEncoder) -> None:
    right, paraphrase, other = default.encode(
        [
            Conversation("How do I boil an egg?", "Put it into boiling water for eight minutes."),
            Conversation("How do I boil an egg?", "Cook it in boiling water for about 8 minutes."),
            Conversation("How do I boil an egg?", "The Treaty of Westphalia was signed in 1648."),
        ]
    )
    assert default.dim == 384
    assert right @ paraphrase > 0.9 > right @ other


def test_the_default_in_its_fastest_precision_agrees_with_float32(default: TransformerEncoder) -> None:
    fastest = load_encoder(EncoderConfig(pooling="mean", layer="last"))
    vectors = fastest.encode(PROBES)
    assert fastest.config.precision in ("bfloat16", "float32")
    assert (vectors * default.encode(PROBES)).sum(1).min() > 0.999


def test_single_texts_equal_sentence_transformers(default: TransformerEncoder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("sentence_transformers", reason="needs probrm[offline]")
        peer = library.SentenceTransformer(str(default._folder.path), device="cpu")
    ours = load_encoder(EncoderConfig(precision="float32", text="response", pooling="mean", layer="last"))
    texts = ["Hi", "Was ist 2 + 2? Vier – natürlich.", "def f(x):\n    return x", "word " * 400]
    theirs = torch.from_numpy(peer.encode(texts, show_progress_bar=False))
    torch.testing.assert_close(ours.encode([Conversation("", text) for text in texts]), theirs, atol=1e-5, rtol=0)
