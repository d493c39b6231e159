"""From a file or a table to a run in code: what the command line does, with objects for names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyro
import pytest
import torch

import probrm
from probrm.data import Conversation
from probrm.encoders import EncoderConfig
from probrm.errors import ConfigError, RunError
from probrm.guides import GUIDES
from probrm.inference import Fitted, Laplace
from probrm.priors import Beta
from probrm.runs import find_recipe
from tests import support
from tests.probrm.conftest import Regression, simulate
from tests.support import call

QUICK: dict[str, Any] = {
    "inference": Laplace(draws=20, refit=False),
    "settings": {"data": {"propensity_features": support.FEATURES.split(",")}, "starts": 1},
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path / "cache"))


def fit(data: Any, **more: Any) -> Any:
    return probrm.fit(data, model="naive", encoder=support.store_path(), **QUICK | more)


def test_it_is_the_fit_of_the_command_line(tmp_path: Path) -> None:
    run = fit(support.log_path(), out=tmp_path / "run")
    flags = ("--propensity-features", support.FEATURES, "--embeddings", support.store_path(), "--starts", "1")
    done = call(
        "fit",
        "naive",
        "--data",
        support.log_path(),
        *flags,
        "--inference",
        "laplace",
        "--set",
        "inference.draws=20",
        "--set",
        "inference.refit=false",
        "--out",
        str(tmp_path / "other"),
    )
    assert done.code == 0, done.err
    same, saved = probrm.load(tmp_path / "other"), probrm.load(tmp_path / "run")
    assert run.config == same.config == saved.config
    for name, value in run.draws.items():
        assert torch.equal(value, same.draws[name])
    with pytest.raises(RunError):
        fit(support.log_path(), out=tmp_path / "run")


def test_tables_are_files(tmp_path: Path) -> None:
    """A DataFrame and an Arrow table give the file's posterior; the run reads its rows again."""
    frame = pd.read_parquet(support.log_path())
    expected = fit(support.log_path()).draws["base_rate"]
    for table in (frame, pa.Table.from_pandas(frame)):
        run = fit(table)
        assert torch.equal(run.draws["base_rate"], expected)
        assert len(find_recipe("naive").fitted_rows(run).ids) == len(frame)
        assert Path(run.record["data"]["source"]).parent == tmp_path / "cache" / "tables"
    with pytest.raises(ConfigError, match="found int; allowed: a path, a pandas DataFrame"):
        fit(5)


def test_a_prior_a_guide_and_an_encoder_are_swapped() -> None:
    class Lengths:
        """An encoder of one's own."""

        key, dim = "lengths", 2

        def encode(self, conversations: list[Conversation], *, progress: Any = None) -> torch.Tensor:
            return torch.tensor([[float(len(c.response)), float(hash(c.response) % 7)] for c in conversations])

    run = probrm.fit(
        support.log_path(),
        priors={"base_rate": Beta(200.0, 800.0)},
        guide=GUIDES["low-rank"](),
        inference="svi",
        encoder=Lengths(),
        settings={"inference": {"max_steps": 30, "refit": False}, "starts": 1},
    )
    assert run.config["model"]["priors"]["base_rate"] == {"dist": "Beta", "concentration1": 200.0, "concentration0": 800.0}
    assert run.config["guide"]["name"] == "low-rank"
    assert run.record["encoder"]["key"] == "lengths"
    assert float(run.draws["base_rate"].mean()) == pytest.approx(0.2, abs=0.06)


def test_what_a_run_cannot_record_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"guide: found function; allowed: a name or a configuration"):
        fit(support.log_path(), guide=lambda batch: None)
    with pytest.raises(ConfigError, match="unknown model 'nothing'"):
        probrm.fit(support.log_path(), model="nothing")
    with pytest.raises(ConfigError, match="there is no such setting"):
        fit(support.log_path(), priors={"nothing": Beta(1, 1)})


def test_a_model_and_a_batch_go_the_short_way() -> None:
    found = probrm.fit(Regression(2, "logistic"), simulate(60, 2, "logistic"), inference=Laplace(draws=5), starts=1)
    assert isinstance(found, Fitted)


@pytest.mark.parametrize("encoder", ["default", EncoderConfig(layer=4)])
def test_an_encoder_by_name_and_by_configuration(encoder: Any, tmp_path: Path) -> None:
    pd.read_parquet(support.log_path()).head(60).to_parquet(tmp_path / "few.parquet")
    run = probrm.fit(tmp_path / "few.parquet", model="naive", encoder=encoder, **QUICK)
    assert run.config["encoder"]["name"] == "default"
    assert run.record["encoder"]["embeddings"] is None
    assert "layers" not in run.record["encoder"]  # the default encoder's is settled


def test_vectors_of_texts() -> None:
    vectors = probrm.encode([Conversation("q", "a"), Conversation("q", "b")], EncoderConfig(layer=1))
    assert vectors.shape == (2, 384)


def test_names_can_be_completed() -> None:
    """By ``dir()`` before anything is loaded."""
    code = "import probrm, probrm_models; print(*dir(probrm)); print(*dir(probrm_models))"
    first, second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"fit", "load", "read_log", "read_pairs", "encode"} <= set(first.split())
    assert {"ImplicitModel", "ImplicitPriors", "BradleyTerryModel", "VRMModel"} <= set(second.split())


def test_an_encoder_without_a_key_is_refused() -> None:
    """Its vectors could not be told from those of another state of it."""

    class Keyless:
        dim = 2

        def encode(self, conversations: Any, *, progress: Any = None) -> torch.Tensor:
            return torch.zeros(len(conversations), 2)

    with pytest.raises(ConfigError, match="found Keyless without key"):
        probrm.fit(support.log_path(), encoder=Keyless())


def test_a_prior_of_pyro_and_an_unknown_argument_are_refused_in_the_words_of_code() -> None:
    with pytest.raises(ConfigError, match=r"priors: base_rate is a pyro\S+Beta, which a run cannot record"):
        probrm.fit(support.log_path(), priors={"base_rate": pyro.distributions.Beta(2.0, 8.0)})  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match="unknown argument 'propensity_features'; allowed: model, columns"):
        probrm.fit(support.log_path(), propensity_features=["hour"])
    with pytest.raises(ConfigError, match=r"probrm\.fit: unknown setting 'propensity_features'"):
        probrm.fit(support.log_path(), settings={"propensity_features": ["hour"]})
