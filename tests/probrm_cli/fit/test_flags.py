"""Which flag is which setting, and models that bring no flags of their own."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import probrm
from probrm.runs import recipe_names
from probrm_cli.fit.flags import COMMON, model_flags
from tests import own_recipe, support
from tests.support import call, refused


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Requests instead of fits."""
    import probrm_cli.fit.run

    requests: list[Any] = []
    monkeypatch.setattr(probrm_cli.fit.run, "fit_model", requests.append)
    return requests


def test_flags_of_the_variational_model_are_settings(asked: list[Any]) -> None:
    flags = "--attributes a,b --ties davidson --min-difference 0.25 --supervision rank --lambda 0.1 --columns chosen=x,prompt= --preset trl"
    common = (
        "--encoder e --embeddings s --guide g --inference svi --starts 2 --seed 3 --device cpu --config c.toml --set a=1 --set b=2 --out r"
    )
    done = call("fit", "vrm", "--data", "p.parquet", *flags.split(), *common.split(), "--overwrite", "--resume", "-q", "--json")
    assert (done.code, done.out) == (0, "")
    (request,) = asked
    assert request.settings == {
        "data": {
            "columns": {"chosen": "x", "prompt": ""},
            "preset": "trl",
            "attributes": ["a", "b"],
            "ties": "davidson",
            "min_difference": 0.25,
        },
        "model": {"supervision": {"loss": "rank", "weight": 0.1}},
        "encoder": {"name": "e"},
        "guide": {"name": "g"},
        "inference": {"name": "svi"},
        "starts": 2,
        "seed": 3,
        "device": "cpu",
    }
    assert (request.kind, request.data, request.out, request.embeddings) == ("vrm", "p.parquet", "r", "s")
    assert (request.config, request.sets) == ("c.toml", ["a=1", "b=2"])
    assert request.overwrite
    assert request.resume
    assert request.quiet
    assert request.as_json


def test_what_is_not_given_is_no_setting_and_what_is_zero_or_empty_is_one(asked: list[Any]) -> None:
    assert call("fit", "vrm", "--data", "p").code == 0
    assert call("fit", "vrm", "--data", "p", "--lambda", "0", "--attributes", "", "--seed", "0").code == 0
    assert asked[0].settings == {}
    assert asked[1].settings == {"data": {"attributes": []}, "model": {"supervision": {"weight": 0.0}}, "seed": 0}


@pytest.mark.parametrize("flag", ["--lambda", "--supervision", "--propensity-features"])
def test_a_model_has_its_own_flags_only(asked: list[Any], flag: str) -> None:
    refused(call("fit", "bradley-terry", "--data", "p", flag, "1"), "probrm fit bradley-terry", flag)
    assert asked == []


def test_names_of_flags_do_not_clash() -> None:
    for name in [*recipe_names(), "own"]:
        keys = [flag.key for flag in (*model_flags(name).flags, *COMMON)]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("model", [*recipe_names(), "own"])
def test_every_default_in_the_help_can_be_read(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets would be markup, and vanish."""
    own_recipe.register(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    done = call("fit", model, "--help")
    assert done.code == 0
    for text in ("(default: 3; 1 for pairs)", "(default: all-MiniLM-L6-v2)", "--preset", "--set", "--resume"):
        assert text in done.out


def test_a_model_of_another_package_is_fitted_without_a_change_here(monkeypatch: pytest.MonkeyPatch) -> None:
    own_recipe.register(monkeypatch)
    assert "own" in call("fit", "--help").out
    flags = ("--columns", "prompt=prompt", "--set", "data.propensity_features=['hour']", "--embeddings", support.store_path())
    done = call("fit", "own", "--data", support.log_path(), *flags, "--out", "r")
    assert done.code == 0, done.err
    assert "posterior of own (50 draws)" in done.out
    assert done.out.endswith("50 draws of my own\nrun: r\n")
    run = probrm.load("r")
    assert (run.kind, run.config["held_out"], run.config["starts"]) == ("own", 0.0, 1)
    assert run.config["data"]["propensity_features"] == ["hour"]
    store = ("--embeddings", support.store_path())
    assert call("score", "r", "--data", support.truth_path(), "--out", "s.csv", *store).out == "200 of 200 rows scored: s.csv\n"
    found = call("evaluate", "r", "--data", support.truth_path(), "--bootstrap", "9", *store)
    assert "own model" in found.out
    assert "row: r3" in call("posterior", "r", "--row", "r3").out
    assert json.loads(call("posterior", "r", "--json").out)["variables"]


def test_help_does_not_import_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    import probrm.runs.registry

    entry = EntryPoint("absent", "no_such_package.recipe:Recipe", "probrm.recipes")
    monkeypatch.setattr(probrm.runs.registry, "entry_points", lambda group: [entry])
    assert "absent" in call("fit", "--help").out
    assert "--columns" in call("fit", "absent", "--help").out


def test_a_model_that_is_misspelt() -> None:
    refused(call("fit", "implict", "--data", "p"), "probrm fit: unknown model 'implict'; installed: ", "did you mean 'implicit'?")


def test_a_model_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import probrm.runs.registry

    monkeypatch.setattr(probrm.runs.registry, "entry_points", lambda group: [])
    for name in ("vrm", "own"):
        refused(call("fit", name, "--data", "p"), "probrm fit", f"'{name}'")
    assert not Path("runs").exists()


def test_a_model_of_another_package_registers_its_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--strength`` of a model called own; the recipe itself is not imported for the help."""
    import probrm.runs.registry as room

    entries = room.entry_points
    own = {room.GROUP: "no_such_package.recipe:Recipe", room.FLAGS: "tests.own_recipe:FLAGS"}
    monkeypatch.setattr(room, "entry_points", lambda group: [*entries(group=group), EntryPoint("own", own[group], group)])
    told = call("fit", "own", "--help").out
    assert "--strength" in told
    assert "How much of it" in told
    listed = call("fit", "--help").out
    assert "A model of my own" in listed
    assert listed.index("own") < listed.index("naive")  # baselines stand last
