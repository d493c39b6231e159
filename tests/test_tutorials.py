"""The tutorials: every command runs, and prints what its page shows, but for numbers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests import support
from tests.small_examples import small_examples
from tests.small_models import byte_level
from tests.test_house import ROOT

DOCS = ROOT / "docs"


def console() -> ModuleType:
    """``docs/console.py``."""
    spec = importlib.util.spec_from_file_location("console", DOCS / "console.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_outputs_are_the_same_but_for_numbers_and_spaces() -> None:
    same = console().same
    assert same("AUROC  0.85 [0.80, -1,000]\n────", "AUROC 0.9 [1e-3, 2]\n──\n")
    assert not same("verdict: identified", "verdict: up to scale")
    assert not same("two lines", "two lines more")


def test_a_page_is_run_and_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n# a.py\nprint(3)\n```\n\n```console\n$ python a.py\n4\n$ python a.py | tr 3 x\ny\n$ false\n```\n")
    (tmp_path / "folder").mkdir()
    text, differing = console().run_page(page, tmp_path / "folder")
    assert text.endswith("```console\n$ python a.py\n3\n$ python a.py | tr 3 x\nx\n$ false\n[exit code 1]\n```\n")
    assert [one.splitlines()[0] for one in differing] == ["$ python a.py | tr 3 x", "$ false"]


PAGES = ["tutorial_log.md", "tutorial_pairs.md", "tutorial_model.md", "log_to_policy.md"]
SMALL = {
    "probrm fit implicit": "set -o pipefail; probrm fit implicit --inference laplace --starts 1 --set inference.draws=400",
    "range(60)": "range(6)",
}
"""Short fits, whose failure is not hidden by what follows them in a pipe."""


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PAGES)
def test_a_tutorial_prints_what_it_shows(name: str, tmp_path: Path, simulations: Callable[[int, int], int]) -> None:
    simulations(1, 0)
    assert run(name, tmp_path, {}, ROOT / "examples")[1] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PAGES)
def test_each_command_of_a_tutorial_runs_on_small_data(name: str, tmp_path: Path) -> None:
    """The first rows of each example, and short fits; `make test-thorough` runs the pages as they are and compares what is printed."""
    examples = tmp_path / "examples"
    small_examples(examples)
    text, _ = run(name, tmp_path, SMALL, examples)
    assert not [word for word in ("[exit code", "Traceback", "error:") if word in text], text


def run(name: str, folder: Path, stand_ins: Mapping[str, str], examples: Path) -> tuple[str, list[str]]:
    """A page in a folder of its own; a policy of one layer stands in for the page's."""
    (folder / "page").mkdir()
    policy = {"Qwen/Qwen3-0.6B": tiny_policy(folder / "tiny"), "--output_dir policy": "--output_dir policy --use_cpu"}
    with support.environment():
        return console().run_page(DOCS / name, folder / "page", {**stand_ins, **policy}, examples)


def tiny_policy(folder: Path) -> str:
    """The folder of a causal language model that nothing was taught."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level("$A", "$A $B", ["<eos>", "<pad>"], eos_token="<eos>", pad_token="<pad>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=256,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=tokenizer.get_vocab()["<pad>"],
        eos_token_id=tokenizer.get_vocab()["<eos>"],
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
