"""The pages of docs/: their links lead somewhere, their commands and settings are accepted, their Python runs."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from probrm.config import build_config
from probrm.coordinates.sites import global_latents
from probrm.guides import Layout
from probrm.priors import base as priors
from probrm.runs import find_recipe
from probrm_cli.main import app
from tests import support
from tests.test_house import ROOT, probrm_lines

DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
MODELS = {
    "implicit.md": "implicit",
    "several_actions.md": "implicit",
    "baselines.md": "sar-em",
    "vrm.md": "vrm",
    "bradley_terry.md": "bradley-terry",
}
"""The pages of models, and the model that flags and ``--set`` in running text are about."""
SECTIONS = ("Generative process", "Priors", "Symbols", "Guide and inference", "How to swap each part", "Known limits", "References")
_BLOCK = re.compile(r"^(?:<!-- (not run|long): (?P<why>[^>]+) -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: ``mark`` is ``long``, ``not run`` or nothing."""

    language: str
    text: str
    line: int
    mark: str


def page(name: str) -> str:
    return (DOCS / name).read_text()


def blocks(name: str, language: str) -> list[Block]:
    """Those of one language, in order."""
    text = page(name)
    found = [Block(m[3], m[4], text.count("\n", 0, m.start(4)), m[1] or "") for m in _BLOCK.finditer(text)]
    assert len(found) == len(re.findall(r"^```\w+$", text, re.MULTILINE)), "a block that is not understood"
    return [block for block in found if block.language == language]


def anchors(text: str) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name: str) -> None:
    links = [link for link in _LINK.findall(page(name)) if "://" not in link]
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = ((DOCS / name).parent / path).resolve() if path else DOCS / name
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert not broken


def test_the_index_names_every_page() -> None:
    linked = set(_LINK.findall(page("README.md")))
    assert set(PAGES) - {"README.md"} <= linked


@pytest.mark.parametrize("name", PAGES)
def test_code_files_are_called_by_their_names(name: str) -> None:
    labels = re.findall(r"\[`(?:[\w/]+/)?(\w+\.py)`\]\((?:[^)\s]*/)?(\w+\.py)\)", page(name))
    assert [(label, file) for label, file in labels if label != file] == []


@pytest.mark.parametrize("name", sorted({*PAGES} - {*MODELS}))
def test_pages_are_short(name: str) -> None:
    """One question each; pages of models have all that is known of a model."""
    assert len(page(name).split()) <= 1500


@pytest.mark.parametrize("name", MODELS)
def test_pages_of_models_have_one_form(name: str) -> None:
    titles = re.findall(r"^## (.+)$", page(name), re.MULTILINE)
    assert [title for title in titles if title in SECTIONS] == list(SECTIONS)


# ---- words

UNPLAIN = (
    r"foret(?:old|ells?|elling)",
    r"by a coin",
    r"names neither",
    r"strangers?",
    r"leaves with exit",
    r"mend(?:s|ed|ing)?",
    r"held against",
    r"stands? beside",
    r"beside every",
    r"calls things otherwise",
    r"what to doubt",
    r"governs? the level",
    r"who governs",
    r"can the(?:se)? (?:intervals|data) (?:be trusted|tell)",
    r"intervals (?:can )?be trusted",
    r"who saw what",
    r"rows are worth",
    r"rows' worth",
    r"draws (?:that .{0,40} )?are worth",
    r"repeats? the log",
    r"the surest",
    r"told apart",
    r"tells? .{0,20}apart",
    r"of all random numbers",
    r"for the verdict",
    r"explicit verdicts?",
    r"rows? with(?:out)? a verdict",
    r"led home",
)
"""Phrases in place of which the field has a term or a plainer word."""
_UNPLAIN = re.compile("|".join(rf"\b{phrase}\b" for phrase in UNPLAIN).replace(" ", r"\s+"), re.IGNORECASE)


def test_words_are_plain() -> None:
    """In pages, messages, help texts and docstrings."""
    read = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")]
    for folder, kinds in (("docs", ("md",)), *((name, ("py", "html", "js")) for name in ("probrm", "models", "cli"))):
        read += [path for kind in kinds for path in (ROOT / folder).rglob(f"*.{kind}")]
    found = [f"{path.relative_to(ROOT)}: {phrase}" for path in read for phrase in _UNPLAIN.findall(path.read_text())]
    assert found == []


# ---- commands and settings


@functools.cache
def command_of(*verbs: str) -> Any:
    """``probrm``, or one of its commands, ``command_of("fit", "vrm")``; each is built once."""
    return command_of(*verbs[:-1]).get_command(None, verbs[-1]) if verbs else typer.main.get_command(app)


def parse(words: list[str]) -> None:
    """Reads a command line as ``probrm`` would; raises where a flag is unknown or missing."""
    verbs = 0
    while hasattr(command_of(*words[:verbs]), "commands"):
        verbs += 1
    command_of(*words[:verbs]).make_context(words[verbs - 1], words[verbs:])


def spoken(name: str) -> Iterator[list[str]]:
    """Flags in running text, ``--guide low-rank`` or ``--set KEY=VALUE``, as arguments."""
    text = _BLOCK.sub("", page(name))
    for code in re.findall(r"`(--[^`]+)`", text):
        yield shlex.split(code.replace("…", "").rstrip(","))


@pytest.mark.parametrize("name", sorted({*PAGES} - {"your_own_model.md"}))  # of a model that tests/test_own_model.py installs
def test_commands_have_flags_that_exist(name: str) -> None:
    for words in probrm_lines(page(name)):
        parse(words)


@pytest.mark.parametrize("name", MODELS)
def test_flags_and_settings_in_running_text_are_accepted(name: str) -> None:
    recipe, fits, seen = find_recipe(MODELS[name]), set(_flags("fit", MODELS[name])), 0
    elsewhere = set().union(*(_flags(verb) for verb in ("posterior", "compare", "evaluate", "embed", "report", "score")))
    for words in spoken(name):
        if words[0] not in fits:
            assert words[0] in elsewhere | set(_flags("fit", "implicit")), words
            continue
        parse(["fit", MODELS[name], "--data", "FILE", *(words if len(words) > 1 or words[0] in _switches() else [words[0], "1"])])
        if words[0] == "--set" and len(words) > 1:
            build_config(recipe, sets=[word for word in words if word != "--set"])
        for flag in ("guide", "inference"):
            if words[0] == f"--{flag}" and len(words) > 1:
                build_config(recipe, flags={flag: {"name": words[1]}})
        seen += 1
    assert seen


def _flags(*verbs: str) -> list[str]:
    return [option for parameter in command_of(*verbs).params for option in parameter.opts]


@functools.cache
def _switches() -> set[str]:
    parameters = [parameter for kind in MODELS.values() for parameter in command_of("fit", kind).params]
    return {option for parameter in parameters if getattr(parameter, "is_flag", False) for option in parameter.opts}


@pytest.mark.parametrize("name", MODELS)
def test_settings_files_are_accepted(name: str, tmp_path: Path) -> None:
    """Each begins with the command that takes it; one that is said to hold the defaults does."""
    found = blocks(name, "toml")
    assert found
    for block in found:
        kind = re.match(r"# probrm fit ([\w-]+) .*--config", block.text)
        assert kind, f"{name}, line {block.line}: a settings file begins with its command"
        (tmp_path / "settings.toml").write_text(block.text)
        built = build_config(find_recipe(kind[1]), toml=str(tmp_path / "settings.toml"))
        if "the defaults" in block.text.splitlines()[0]:
            assert built.to_dict() == build_config(find_recipe(kind[1])).to_dict()


def test_nothing_is_still_to_be_filled_in() -> None:
    """A line of one word in capitals stands for figures that are to come."""
    for path in (*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"):
        left = [line for line in path.read_text().splitlines() if re.fullmatch(r"[A-Z]{3,}|.*\b(TODO|TBD|FIXME|XXX)\b.*", line)]
        assert not left, (path, left)
        assert not re.search(r"^Traceback|^\[exit code", path.read_text(), re.MULTILINE), f"{path} shows a command that failed"


# ---- Python


_NUTS, _FEW = re.compile(r"\bNUTS\(warmup=\d+, draws=\d+"), "NUTS(thin=1, warmup=20, draws=8"
"""Trajectories are few unless all Python is asked for."""


def run_python(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, long: bool) -> dict[str, Any]:
    """A page's Python in one namespace, from top to bottom; what is marked as long, and all that NUTS is told, only where asked for."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(priors, "_REGISTRY", dict(priors._REGISTRY))  # a page's own priors end with it
    space: dict[str, Any] = {"__name__": name}
    found = [block for block in blocks(name, "python") if block.mark != "not run" and (long or block.mark != "long")]
    assert found
    for block in found:
        text = block.text if long else _NUTS.sub(_FEW, block.text)
        exec(
            compile("\n" * block.line + text, str(DOCS / name), "exec", dont_inherit=True), space
        )  # so that a traceback names the page's line
    return space


@pytest.mark.parametrize("name", MODELS)
def test_python_of_the_pages_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_python(name, tmp_path, monkeypatch, long=False)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_all_python_of_the_pages_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_python(name, tmp_path, monkeypatch, long=True)


WORKED_EXAMPLE = ("diagnostics.md", "referee.md", "nuts.md", "leave_one_out.md", "plots.md")
"""The pages of the diagnostics whose commands are about one example."""


def test_python_of_the_diagnostics_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a run of the tests' own in place of the page's example."""
    shutil.copytree(support.short_run_path(), tmp_path / "runs" / "demo")
    run_python("pareto_k.md", tmp_path, monkeypatch, long=False)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_worked_example_of_the_diagnostics(tmp_path: Path, simulations: Callable[[int, int], int]) -> None:
    """The commands of its pages, in a reader's order, on the example data; the comparison with NUTS alone takes ten minutes."""
    simulations(1, 0)
    import subprocess

    (tmp_path / "examples").symlink_to(ROOT / "examples")
    program = str(support.script())
    ran = 0
    for words in [words for name in WORKED_EXAMPLE for words in probrm_lines(page(name))]:
        with support.environment():
            done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran == 8


# ---- what the pages say of the code


def names_in(text: str) -> set[str]:
    """Words in code font."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))


def sites(model: Any) -> set[str]:
    """Global latents of a model."""
    from pyro import poutine

    return set(global_latents(poutine.trace(model.globals).get_trace()))


def implicit() -> Any:
    from probrm.actions import Click
    from probrm.priors import Beta
    from probrm.recipes.logs.shape import LogShape
    from probrm_models.implicit.config import ImplicitConfig
    from probrm_models.implicit.model import ImplicitModel

    config = ImplicitConfig(action=Click(false_rate=Beta(1, 50)), share_embedding=True)
    return ImplicitModel(LogShape(2, ("a",), ("b",), ("u",)), config)


def several() -> Any:
    from probrm.data.logs.actions import ActionSpec
    from probrm.recipes.logs.shape import LogShape
    from probrm_models.implicit.multi_action.model import MultiActionModel

    kinds = (ActionSpec("a"), ActionSpec("b", "ordinal", levels=("0", "1", "2")), ActionSpec("c", "log-normal"))
    return MultiActionModel(LogShape(2, (), ("b",), (), actions=kinds))


def vrm() -> Any:
    from probrm_models.vrm.config import VRMShape
    from probrm_models.vrm.model import VRMModel

    return VRMModel(VRMShape(2, 2, ("a", "b"), 0, ties=True))


def bradley_terry() -> Any:
    from probrm.recipes.pairs.shape import PairShape
    from probrm_models.bradley_terry.model import BradleyTerryModel

    return BradleyTerryModel(PairShape(2, ties=True))


@pytest.mark.parametrize(
    ("name", "make"), [("implicit.md", implicit), ("several_actions.md", several), ("vrm.md", vrm), ("bradley_terry.md", bradley_terry)]
)
def test_the_table_of_symbols_has_every_latent(name: str, make: Callable[[], Any]) -> None:
    table = re.search(r"^## Symbols\n(.*?)^## ", page(name), re.MULTILINE | re.DOTALL)
    assert table
    own = sites(make())
    inherited = sites(implicit()) if name == "several_actions.md" else set()
    assert own - inherited - names_in(table[1]) == set()


def test_the_example_of_the_implicit_model_is_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's first fit: the one column that matters, and what the surface does (truth 2·√4 = 4 and 3)."""
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(compile(blocks("implicit.md", "python")[0].text, "implicit.md", "exec"), space)
    draws = space["fitted"].draws
    assert set(draws) == {site.name for site in Layout.of(space["fitted"].model, space["data"]).sites}
    weights = draws["reward_weights"].mean(0)
    assert int(weights.abs().argmax()) == 0
    assert abs(float(weights[0]) - 4) < 4 * float(draws["reward_weights"][:, 0].std())
    assert abs(float(draws["propensity_effects"].mean()) - 3) < 4 * float(draws["propensity_effects"].std())
    assert torch.isfinite(space["reward"]).all()
