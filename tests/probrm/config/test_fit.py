from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from probrm.config import FitConfig, build_config, encoder_config, read_data
from probrm.data import PairSpec
from probrm.errors import ConfigError
from probrm.recipes import Recipe
from probrm.runs import find_recipe
from tests.own_recipe import OwnRecipe


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return find_recipe("implicit")


def build(recipe: Recipe, *sets: str, flags: dict[str, Any] | None = None, toml: str | None = None) -> FitConfig:
    return build_config(recipe, toml=toml, flags=flags, sets=sets)


def test_defaults(recipe: Recipe) -> None:
    config = build(recipe)
    assert (config.guide.name, config.inference.name, config.encoder.name) == ("auto-normal", "svi", "default")
    assert (config.starts, config.seed, config.device, config.held_out) == (3, 0, "auto", 0.1)
    assert config.model == recipe.model_settings()
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()


def test_precedence(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('seed = 1\nstarts = 11\n[guide]\nname = "low-rank"\nrank = 2\n[encoder]\npooling = "cls"\nmax_length = 99\n')
    flags = {"seed": 2, "encoder": {"name": "x"}, "guide": {"name": "low-rank"}}
    config = build(recipe, "seed=3", "encoder.max_length=77", toml=str(path), flags=flags)
    assert (config.seed, config.starts) == (3, 11)
    assert (config.encoder.name, config.encoder.pooling, config.encoder.max_length) == ("x", "cls", 77)
    assert (config.guide.name, config.guide.rank) == ("low-rank", 2)
    assert build(recipe, toml=str(path), flags=flags).seed == 2


@pytest.mark.parametrize("sets", [["action.false_rate=0.1"], ["model.action.false_rate=0.1"], ['action={name="click", false_rate=0.1}']])
def test_the_action_has_a_table_of_its_own(recipe: Recipe, sets: Sequence[str]) -> None:
    assert build(recipe, *sets).model["action"] == {"name": "click", "false_rate": 0.1, "miss_rate": 0.0}


def test_the_action_beside_other_settings_of_the_model(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[model]\nform = "enumerated"\n[action]\nfalse_rate = 0.1\n')
    model = build(recipe, toml=str(path)).model
    assert (model["form"], model["action"]["false_rate"]) == ("enumerated", 0.1)


def test_order_of_a_heads_settings_does_not_matter(recipe: Recipe) -> None:
    sets = ["model.reward_head.hidden=[8]", "model.reward_head.name=mlp"]
    for order in (sets, sets[::-1]):
        assert build(recipe, *order).model["reward_head"] == {"name": "mlp", "hidden": [8]}


def test_what_is_recorded_builds_the_same_config(recipe: Recipe) -> None:
    config = build(
        recipe,
        "model.priors.weights.dist=Horseshoe",
        "model.priors.user_activity.scale.dist=Gamma",
        "action.false_rate={dist='Beta', concentration1=1, concentration0=30}",
        flags={"data": {"columns": {"action": "copied"}, "derive": ["length"]}, "inference": {"name": "nuts"}},
    )
    assert build(recipe, flags=config.to_dict()) == config


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["modle.x=1"], r"--set modle\.x=1: unknown setting 'modle'; allowed: data, .*action\n  fix: did you mean model\?"),
        (["model=5"], r"model: found 5; it is a table"),
        (["model=5", "action.false_rate=0.1"], r"model: found 5"),
        (["model.x=1"], r"model\.x: there is no such setting; allowed here: priors, reward_head"),
        (["model.priors.x=1"], r"model\.priors\.x: there is no such setting; allowed here: base_rate"),
        (["model.priors.weights.dist=Nomal"], r"unknown prior 'Nomal' \(did you mean Normal\?\)"),
        (["model.priors.weights.sd=1"], r"model\.priors\.weights\.sd: there is no such setting|model\.priors\.weights"),
        (["model.priors.weights.scale.dist=Normal"], r"model\.priors\.weights\.scale: Normal can give values outside positive numbers"),
        (["model.priors.user_activity.scale.dist=StudentT"], r"model\.priors\.user_activity\.scale: StudentT"),
        (["model.priors.base_rate.dist=HalfNormal"], r"model\.priors\.base_rate: HalfNormal can give values outside \(0, 1\)"),
        (['action.false_rate={dist="Normal"}'], r"action\.false_rate: Normal can give values outside \(0, 1\)"),
        (["guide.name=foo"], r"unknown guide 'foo'; allowed: auto-normal, low-rank, full-rank, delta, amortised"),
        (["guide=5"], r"guide: found 5; it is a table"),
        (["guide.name=low-rank", "guide.rank=0"], r"guide\.rank: found 0: Input should be greater than or equal to 1"),
        (["inference.name=advi"], r"unknown inference 'advi'; allowed: svi, laplace, nuts"),
        (["inference.step=1"], r"inference 'svi': unknown setting 'step'; allowed: .*learning_rate"),
        (["encoder.pool=cls"], r"unknown encoder setting 'pool'; allowed: .*pooling"),
        (["encoder=x"], r"encoder: found 'x'; it is a table"),
        (["data.column=x"], r"unknown data setting 'column'.*\n  fix: did you mean columns\?"),
        (["data.derive=[1]"], r"data\.derive: found \[1\]; it is a list of names"),
        (["data.columns.promt=x"], r"columns: there is no 'promt'"),
        (["data.columns.prompt=1"], r"data\.columns: found \{'prompt': 1\}"),
        (["seed=1.0"], r"seed: found 1\.0; allowed: int"),
        (["seed=true"], r"seed: found True"),
        (["starts=x"], r"starts: found 'x'"),
        (["held_out=0.95"], r"held_out: found 0\.95; allowed: float from 0\.0 to 0\.9"),
        (["held_out=nan"], r"held_out: found nan"),
    ],
)
def test_wrong_settings(recipe: Recipe, sets: Sequence[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(recipe, *sets)
    assert "\n" not in caught.value.what


def test_priors_that_fit_their_parameter(recipe: Recipe) -> None:
    """Weights may have any prior, a scale any on positive numbers."""
    for text in ("weights.dist=Laplace", "effects.dist=HalfNormal", "intercept.dist=Beta", "weights.scale.dist=LogNormal"):
        build(recipe, f"model.priors.{text}")


class Pairwise(OwnRecipe):
    """A model of pairs, which has no action."""

    def data_settings(self) -> dict[str, Any]:
        return PairSpec().to_dict()

    def read_spec(self, settings: Mapping[str, Any]) -> Any:
        return read_data(PairSpec, settings, presets=["trl"])

    def model_settings(self) -> dict[str, Any]:
        return {"supervision": {"loss": "kl", "weight": 1.0}}

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return dict(settings)


def test_a_model_reads_files_its_own_way_and_has_defaults_of_its_own() -> None:
    config = build(Pairwise(), 'data.attributes=["a"]', "inference.draws=20", flags={"data": {"ties": "davidson"}, "held_out": 0.3})
    assert config.data == PairSpec(attributes=("a",), ties="davidson")
    assert (config.inference.name, config.inference.draws, config.starts, config.held_out) == ("laplace", 20, 1, 0.3)
    assert build(Pairwise(), flags=config.to_dict()) == config
    assert build(Pairwise(), flags={"inference": {"name": "svi"}}).inference.draws == 1000  # laplace's own went with it


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("action.false_rate=0.1", "unknown setting 'action'; allowed: data, encoder"),
        ("data.derive=[]", "unknown data setting 'derive'; allowed: columns, preset, attributes"),
        ("data.min_difference=x", r"data\.min_difference: found 'x'"),
    ],
)
def test_settings_of_other_models_are_unknown(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Pairwise(), text)


def test_an_encoder_alone() -> None:
    config = encoder_config("x", ["encoder.pooling=last", "encoder.name=y"])
    assert (config.name, config.pooling) == ("y", "last")
    for text, message in (
        ("guide.name=x", "unknown setting 'guide'"),
        ("encoder.x=1", "unknown encoder setting 'x'"),
        ("encoder=x", "a table"),
    ):
        with pytest.raises(ConfigError, match=message):
            encoder_config("x", [text])
