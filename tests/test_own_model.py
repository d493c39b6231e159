"""The model of docs/your_own_model.md: its package is installed into a temporary folder, and its commands are run."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import probrm
from probrm.config import build_config
from probrm.data import Batch
from probrm.errors import ConfigError
from probrm.guides import GUIDES
from probrm.priors import Beta
from probrm.recipes import PairModel, PairRecipe, PairShape
from probrm.recipes.pairs.link import check_link
from probrm.runs import find_recipe
from probrm.settings import Settings
from tests import pair_support, support
from tests.test_docs import blocks, page
from tests.test_house import probrm_lines

PAGE = "your_own_model.md"
SHARE = 0.4
FEW = ("--set", "inference.max_steps=60", "--set", "inference.eval_every=20", "--set", "inference.refit=false")


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of the page, installed as its reader installs it."""
    folder = tmp_path_factory.mktemp("own")
    source, site = folder / "probrm-careless", folder / "site"
    source.mkdir()
    for block in blocks(PAGE, "python"):
        (source / block.text.splitlines()[0].removeprefix("# ")).write_text(block.text)
    both = blocks(PAGE, "toml")[0].text.replace('"careless.py", ', '"careless.py", "probit.py", ')
    table = '[project.entry-points."probrm.recipes"]\n'
    (source / "pyproject.toml").write_text(both.replace(table, f'{table}probit = "probit:ProbitRecipe"\n'))
    quietly = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "-q")
    done = subprocess.run([sys.executable, "-m", "pip", "install", *quietly, "--target", site, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch, support.environment():
        patch.syspath_prepend(str(site))
        yield importlib.import_module("careless")
    GUIDES.pop("heavy-tails", None)
    for name in ("careless", "careless_flags", "probit"):
        sys.modules.pop(name, None)


def rated(m: int, seed: int, careless: float) -> Any:
    """Pairs of which this share is rated without a look."""
    frame = pair_support.pair_frame(m, seed=seed)
    draw = np.random.default_rng(seed)
    swapped = (draw.random(m) < careless) & (draw.random(m) < 0.5)
    frame.loc[swapped, ["chosen", "rejected"]] = frame.loc[swapped, ["rejected", "chosen"]].to_numpy()
    return frame


def test_every_command_of_the_page(careless: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    names = {"id": [f"pairs-{i:05d}" for i in range(1, 301)]}
    pair_support.pair_frame().assign(**names).to_parquet("pairs.parquet")
    pair_support.pair_frame(150, seed=1).to_parquet("test_pairs.parquet")
    told = {}
    for words in probrm_lines(page(PAGE)):
        encoded = words[0] in ("fit", "evaluate", "score", "compare") and "--help" not in words
        store = ("--embeddings", pair_support.store_path()) if encoded else ()
        few = FEW if encoded and words[0] in ("fit", "compare") else ()
        done = support.call(*words, *store, *few)
        assert done.code == 0, f"{shlex.join(words)}\n{done.err}"
        told[f"{words[0]} {words[-1]}"] = done.out
    assert "--careless-rate" in told["fit --help"]
    assert "careless_rate" in told["fit runs/careless"]
    assert "careless_rate" in told["posterior runs/careless"]
    assert "reward of the chosen response" in told["posterior pairs-00001"]
    assert re.search(r"accuracy.* 0\.\d", told["evaluate test_pairs.parquet"])
    assert {"p_chosen", "p_chosen_low", "p_chosen_high"} <= set(pd.read_parquet("scored.parquet"))
    assert "careless" in told["compare test_pairs.parquet"]
    assert "bradley-terry" in told["compare test_pairs.parquet"]
    assert re.search(r"Careless ratings</h2>.*90 % interval", Path("runs/careless.html").read_text(), re.DOTALL)
    asked = json.loads(Path("runs/careless/run.json").read_text())["config"]
    assert asked["model"]["priors"]["careless_rate"] == {"dist": "Beta", "concentration1": 2.0, "concentration0": 8.0}
    last = next(run for run in map(probrm.load, Path("runs").glob("*/")) if run.config["guide"]["name"] == "heavy-tails")
    assert last.config["guide"]["df"] == 4.0
    assert last.config["model"]["priors"]["careless_rate"]["concentration0"] == 30.0


def test_its_settings_file(careless: Any, tmp_path: Path) -> None:
    (tmp_path / "careless.toml").write_text(blocks(PAGE, "toml")[1].text)
    built = build_config(find_recipe("careless"), toml=str(tmp_path / "careless.toml"))
    assert built.inference.name == "nuts"
    assert built.model["priors"]["careless_rate"]["concentration0"] == 30


def test_the_likelihood_is_the_page_s_formula(careless: Any) -> None:
    model = careless.CarelessModel(PairShape(3))
    draw = torch.Generator().manual_seed(0)
    batch = {name: torch.randn(5, 3, generator=draw) for name in ("chosen", "rejected")}
    outcome = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])
    rows = Batch(batch | {"outcome": outcome, "weight": torch.ones(5)}, 5)
    values = {"reward_weights": torch.randn(7, 3, generator=draw), "careless_rate": torch.rand(7, generator=draw)}
    for s in range(7):
        for i in range(5):
            difference = float(values["reward_weights"][s] @ (batch["chosen"][i] - batch["rejected"][i])) / 3**0.5
            rate = float(values["careless_rate"][s])
            win = (1 - rate) / (1 + np.exp(-difference)) + rate / 2
            expected = np.log(win if outcome[i] == 1 else 1 - win)
            assert float(model.log_likelihood(values, rows)[s, i]) == pytest.approx(expected, abs=1e-5)
            said = float(model.probability(model.difference(values, rows), values)[s, i])  # what score and evaluate give
            assert said == pytest.approx(win, abs=1e-5)


def test_the_share_of_careless_ratings_is_recovered(careless: Any, tmp_path: Path) -> None:
    """At one seed: within three standard deviations of the truth, of few and of many; a prior's mean would be .1 for both."""
    found = {}
    for share in (0.0, SHARE):
        frame = rated(1500, seed=3, careless=share)
        run = probrm.fit(frame, model="careless", encoder=_Known(), priors={"careless_rate": Beta(1, 9)}, inference="laplace")
        draws = run.draws["careless_rate"]
        found[share] = float(draws.mean()), float(draws.std())
    assert found[0.0][0] < 0.1
    assert abs(found[SHARE][0] - SHARE) < 3 * found[SHARE][1]
    assert found[SHARE][0] - 3 * found[SHARE][1] > 0.1


class _Known:
    """An encoder that knows the vectors."""

    dim, key = len(pair_support.WEIGHTS), "pair_support.vector"

    def encode(self, conversations: Any, *, progress: Any = None) -> torch.Tensor:
        return torch.from_numpy(np.array([pair_support.vector(c.response) for c in conversations]))


def test_a_model_of_actions(careless: Any) -> None:
    """Probabilities are the probit's own, weights count, and columns that it does not use are named."""
    from scipy.special import ndtr

    settings = {"data": {"propensity_features": ["hour"]}, "starts": 1}
    log = support.log_frame().drop(columns=["label", "true_probability"])
    fit = {"model": "probit", "encoder": support.store_path(), "inference": "laplace", "settings": settings}
    run = probrm.fit(log, **fit)
    assert "the model 'probit' does not use hour (propensity covariates)" in run.record["notes"]
    heavy = probrm.fit(log.assign(weight=np.where(log["action"] == 1, 3.0, 1.0)), **fit)
    assert float(heavy.draws["intercept"].mean()) > float(run.draws["intercept"].mean()) + 0.3
    table, _ = find_recipe("probit").score(run, support.truth_path(), find_recipe("probit").read_spec({}), embeddings=support.store_path())
    scored = table.to_pandas()
    assert np.abs(ndtr(scored["reward"]) - scored["probability"]).max() < 0.03
    assert np.abs(1 / (1 + np.exp(-scored["reward"])) - scored["probability"]).max() > 0.05


# ---- what is refused


def test_links_that_learn_the_layout_or_know_no_ties_are_refused(careless: Any, tmp_path: Path) -> None:
    import pyro.distributions as dist

    class Biased(careless.CarelessModel):
        def preference_dist(self, difference: Any, values: Any) -> Any:
            return dist.Bernoulli(logits=difference + 1.0)

    check_link(careless.CarelessModel(PairShape(3)))
    with pytest.raises(ConfigError, match="they have to be equal"):
        check_link(Biased(PairShape(3)))
    with pytest.raises(ConfigError, match="'careless' knows no ties"):
        check_link(careless.CarelessModel(PairShape(3, ties=True)))


class Plain(PairModel):
    """Bradley–Terry's link without a latent for ties."""

    kind = "plain"

    def globals(self) -> dict[str, Any]:
        return {}

    def reward(self, values: Any, batch: Any) -> Any:
        return batch["response"][:, 0]


def test_the_usual_link_without_a_latent_for_ties() -> None:
    check_link(Plain(PairShape(3), Settings()))
    with pytest.raises(ConfigError, match="knows no ties"):
        check_link(Plain(PairShape(3, ties=True), Settings()))


class Nameless(PairRecipe):
    model_class = Plain


class Unfinished(PairRecipe):
    kind = "unfinished"
    model_class = PairModel


class Unshaped(PairRecipe):
    kind = "unshaped"
    model_class = Plain


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("nameless", "Nameless", "its kind is None; allowed: the name of its entry point, 'nameless'"),
        ("other", "Unshaped", "its kind is 'unshaped'"),
        ("unfinished", "Unfinished", "PairModel does not define globals, reward"),
        ("unshaped", "Unshaped", "Plain has no config_class"),
        ("gone", "Gone", "cannot be imported"),
    ],
)
def test_recipes_that_are_not_whole_are_refused(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import probrm.runs.registry as room

    entry = importlib.metadata.EntryPoint(name, f"tests.test_own_model:{value}", room.GROUP)
    monkeypatch.setattr(room, "entry_points", lambda group: [entry])
    with pytest.raises(ConfigError, match=re.escape(said)):
        find_recipe(name)
