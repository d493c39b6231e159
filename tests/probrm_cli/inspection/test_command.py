"""``probrm inspect``: it reads what a fit reads, and the command that it prints reads the same."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.config import build_config
from probrm.runs import find_recipe
from probrm_cli.fit.flags import Request
from probrm_cli.inspection.command import fit_command, reading_flags
from tests import products, support
from tests.pair_shapes import PAIRS, SHAPES, expected, read_as, rows_of, write_rows
from tests.support import call, refused

LOG = products.synthetic_log()


def inspected(*args: str) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    done = call("inspect", *args, "--json")
    assert (done.code, done.err) == (0, ""), done.err
    return json.loads(done.out)


def fitted(command: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Request, Any]:
    """The rows that the command would fit, read by its model's recipe from what the real command line makes of its words."""
    asked: list[Request] = []
    monkeypatch.setattr("probrm_cli.fit.run.fit_model", asked.append)
    assert call(*shlex.split(command)[1:]).code == 0
    (request,) = asked
    recipe = find_recipe(request.kind)
    return request, recipe.read_rows(request.data, build_config(recipe, flags=request.settings))


def flags_of(spec: dict[str, Any]) -> list[str]:
    """A way of reading as flags."""
    texts = {
        name: ",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else ",".join(value) for name, value in spec.items()
    }
    return [f"--{name}={text}" for name, text in texts.items()]


@pytest.mark.parametrize("name", SHAPES)
def test_pairs_of_every_shape(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = SHAPES[name]
    path = write_rows(rows_of(shape), tmp_path / "pairs.jsonl")
    found = inspected(path, *flags_of(shape.spec))
    request, pairs = fitted(found["command"], monkeypatch)
    assert (found["kind"], request.kind) == ("pairs", "vrm")
    assert read_as(pairs) == expected()
    assert (found["used"], found["notes"]) == (len(pairs), pairs.notes)
    assert found["form"] == {"pairs": "trl"}.get(shape.preset, shape.preset)
    assert f"preferred: {found['preferred']}" in "; ".join(found["notes"])
    assert found["other"] == ""


@pytest.mark.parametrize("name", products.RENDER)
def test_every_products_export(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = products.RENDER[name](LOG, tmp_path)
    joined = ("--feedback", str(tmp_path / "feedback.csv"), "--on", "request_id") if name == "litellm" else ()
    found = inspected(source, *joined)
    request, log = fitted(found["command"], monkeypatch)
    assert (found["kind"], request.kind, found["form"], found["named"]) == ("log", "implicit", name.split()[0], False)
    assert (found["used"], found["notes"], found["exposures"]) == (len(log), log.notes, log.exposures.to_dict())
    assert [one["column"] for one in found["actions"]] == list(log.actions)
    assert [one["taken"] for one in found["actions"]] == [int(np.nansum(values)) for values in log.actions.values()]
    assert found["other"] == ""


def test_a_log_with_flags_and_a_name_to_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"q": one.prompt, "a": one.response, "vote": {1: "up", -1: "down"}.get(one.thumb), "who": one.user} for one in LOG]
    path = products.lines(tmp_path / "my log's.jsonl", rows)
    flags = ("--columns", "prompt=q,response=a,action=vote,user_id=who", "--values", "up=1,down=0", "--missing-action", "0")
    found = inspected(path, *flags)
    _, log = fitted(found["command"], monkeypatch)
    assert shlex.split(found["command"])[5:] == list(flags)
    assert found["actions"][0] == {"column": "vote", "kind": "binary", "against": False, "observed": 60, "taken": 20, "rate": 1 / 3}
    assert (int(log.action.sum()), found["users"]["count"]) == (20, 7)
    assert found["columns"] == {"prompt": "q", "response": "a", "action": "vote", "user_id": "who"}


def test_a_value_that_begins_with_a_dash_stays_with_its_flag() -> None:
    assert fit_command("pairs", "a b", {"attributes": "-toxicity"}) == "probrm fit vrm --data 'a b' --attributes=-toxicity"


def test_flags_are_those_of_the_fits() -> None:
    """With the same meaning: each is the flag of the model whose fit is suggested."""
    names = {flag.name for flag in reading_flags()}
    assert {"preset", "columns", "values", "missing-action", "actions", "feedback", "on", "choices", "attributes", "ties"} <= names
    assert "certificate" not in names
    from probrm.runs.registry import flags_of as registered

    for kind in ("implicit", "vrm"):
        flags = registered(kind)
        assert flags is not None
        assert {flag.name for flag in flags.flags if flag.setting.startswith("data.")} <= names


def test_what_a_person_sees(tmp_path: Path) -> None:
    done = call("inspect", support.log_path())
    assert done.code == 0, done.err
    for text in ("a log of actions: 300 rows of 300 rows", "user_id", "(ignored)", "exposures: complete", "taken (", "response, words"):
        assert text in done.out
    assert done.out.endswith(f"fit it with:\n  probrm fit implicit --data {support.log_path()}\n")
    path = write_rows(rows_of(SHAPES["a and b"]), tmp_path / "p.jsonl")
    done = call("inspect", path)
    assert "read as side-by-side (recognised): 30 pairs of 30 rows" in done.out
    assert "where a means `response_a`" in done.out
    assert "the first is preferred" in done.out


def test_the_message_of_a_refusal_is_that_of_the_fit(tmp_path: Path) -> None:
    turned = [{"prompt": t.prompt, "chosen": t.chosen, "rejected": t.rejected, "score_chosen": 1, "score_rejected": 2} for t in PAIRS]
    path = write_rows(turned, tmp_path / "turned.jsonl")
    ours, theirs = (call(*command) for command in (("inspect", path), ("fit", "vrm", "--data", path)))
    refused(ours, "contradicts the scores", "; as a log of actions: there is no column 'response'")
    assert (
        ours.err.replace(ours.err.partition("; as a log of actions: ")[2].partition("\n")[0], "").replace("; as a log of actions: ", "")
        == theirs.err
    )
    named = call("inspect", path, "--ties", "davidson")
    assert named.err == theirs.err  # whoever names a flag of pairs is told of pairs alone


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["no.csv"], ["no.csv: there is no such file"]),
        (["log", "--columns", "prompt=promt"], ["there is no column 'promt'"]),
        (["log", "--preset", "lngfuse"], ["there is no 'lngfuse'", "arena", "did you mean 'langfuse'?"]),
        (["log", "--columns", "promt=q"], ["columns: there is no 'promt'"]),
        (
            ["log", "--values", "a=1", "--choices", "first=1,second=2"],
            ["--choices cannot be said of a log", "--values cannot be said of pref"],
        ),
        (["log", "--values", "a"], ["--values: found 'a'"]),
        (["log", "--min-difference", "-1"], ["min_difference: found -1.0"]),
    ],
    ids=lambda value: " ".join(value) if value[0] in ("log", "no.csv") else "",
)
def test_what_is_refused(args: list[str], told: list[str]) -> None:
    refused(call("inspect", *(support.log_path() if word == "log" else word for word in args)), *told)


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    """A log and pairs, read, counted and tokenised, in one process."""
    path = write_rows(rows_of(SHAPES["a and b"]), tmp_path / "p.jsonl")
    code = (
        "import sys\nfrom probrm_cli.main import main\n"
        f"for file in ({path!r}, {support.log_path()!r}):\n"
        "    sys.argv = ['probrm', 'inspect', file, '--json']\n"
        "    try: main()\n    except SystemExit as stop: assert not stop.code\n"
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'pyro', 'sklearn', 'datasets', 'matplotlib', 'arviz'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *objects, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert [json.loads(text)["kind"] for text in objects] == ["pairs", "log"]
