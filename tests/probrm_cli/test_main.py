from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from probrm import __version__
from probrm_cli.main import USAGE, app, main
from tests import support
from tests.support import call, refused


def shell(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([support.script(), *args], capture_output=True, text=True, timeout=300, **options)  # type: ignore[call-overload]


def test_the_installed_script_says_what_there_is() -> None:
    done = shell("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in ("fit", "evaluate", "posterior", "score", "embed"))
    assert done.stderr == ""


def test_help_and_version_load_nothing_heavy() -> None:
    """What a shell's completion and a curious user wait for."""
    code = (
        "import sys; sys.argv = ['probrm', '--version']\n"
        "from probrm_cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'torch', 'pyro', 'transformers', 'datasets', 'pandas', 'pyarrow', 'numpy', 'rich.table'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"probrm {__version__}\n[]\n"


def test_the_installed_script_fits_and_prints_one_object() -> None:
    import json

    done = shell(*support.naive_fit(Path("r"), "--json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == "r"
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


def test_the_form_of_a_refusal() -> None:
    done = call("fit", "implicit", "--data", "no.parquet")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: no.parquet: there is no such file\n  fix: check the path; hub data sets are named owner/name or owner/name:split\n"
    )
    assert list(Path().iterdir()) == []


def test_the_reader_of_our_output_may_leave() -> None:
    """As in ``probrm posterior RUN --json | head -c 10``."""
    with subprocess.Popen([support.script(), "posterior", support.short_run_path(), "--json"], stdout=-1, stderr=-1) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_terminal_without_our_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "argv", ["probrm", "evaluate", support.short_run_path(), "--data", support.truth_path()])
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--embeddings", support.store_path(), "--bootstrap", "9", "--quiet"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    printed = screen.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "AUROC ?" in printed


@pytest.mark.parametrize("args", [["--foo"], ["fit", "foo"], ["foo"], ["fit", "implicit"], ["posterior"], ["score", "r", "--data", "x"]])
def test_wrong_usage_in_the_form_of_all_errors(args: list[str]) -> None:
    refused(call(*args), "probrm", "--help")


def test_a_group_without_a_command_shows_its_help() -> None:
    done = call("fit")
    assert done.code == 2
    assert "implicit" in done.out + done.err


def test_the_class_of_usage_errors() -> None:
    assert issubclass(typer.BadParameter, USAGE)
    assert not issubclass(typer.Exit, USAGE)


def test_the_app_is_a_plain_typer_app() -> None:
    """Whoever embeds it gets typer's own behaviour."""
    done = CliRunner().invoke(app, ["posterior", support.short_run_path(), "--var", "base_rate"])
    assert done.exit_code == 0
    assert "base_rate" in done.output


def test_version_tells_what_a_bug_report_needs() -> None:
    import json

    import torch

    done = call("--version", "--json")
    told = json.loads(done.out)
    assert (done.code, told["version"], told["versions"]["torch"]) == (0, __version__, torch.__version__)
    assert {"platform", "device", "default_encoder"} <= set(told)


@pytest.mark.parametrize("args", [("--json",), ("--json", "embed", "--help")], ids=" ".join)
def test_json_without_a_command_is_refused(args: tuple[str, ...]) -> None:
    refused(call(*args), "--json", "--version")
