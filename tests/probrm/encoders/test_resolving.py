from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.encoders import resolving
from probrm.encoders.resolving import DEFAULT_SHA256, resolve
from probrm.errors import EncoderError


def test_the_default_is_the_offline_package_and_its_content_is_known() -> None:
    pytest.importorskip(resolving.OFFLINE_PACKAGE, reason="needs probrm[offline]")
    folder = resolve("default")
    assert folder.files["model.safetensors"] == DEFAULT_SHA256
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"} <= folder.files.keys()


def test_a_default_with_other_weights_is_refused(tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tampered_encoder_package"
    shutil.copytree(tiny("bert"), package / "model")
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(resolving, "OFFLINE_PACKAGE", package.name)
    importlib.invalidate_caches()
    with pytest.raises(EncoderError, match=r"not the published all-MiniLM-L6-v2.*SHA-256") as caught:
        resolve("default")
    assert "reinstall" in caught.value.fix


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("_offline")
def test_without_the_package_and_the_hub_the_default_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "OFFLINE_PACKAGE", "no_such_package_of_ours")
    with pytest.raises(EncoderError, match="sentence-transformers/all-MiniLM-L6-v2") as caught:
        resolve("default")
    assert "probrm[offline]" in caught.value.fix


@pytest.mark.usefixtures("_offline")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody/no-such-encoder", "hub cannot be reached"),
        ("minilm", "no such folder, and the model hub cannot be reached"),
        ("./nothing/here", "no such folder"),
        ("~/nothing-here", "no such folder"),
        ("a/b/c", "no such folder"),
        ("bad name/with spaces", "no hub id"),
    ],
)
def test_an_unknown_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(EncoderError, match=said) as caught:
        resolve(name)
    assert name in caught.value.what
    assert caught.value.fix


@pytest.mark.usefixtures("_offline")
def test_a_hub_id_is_found_in_the_hubs_cache_without_a_network(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--someone--tiny-bert"
    commit = "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(tiny("bert"), repository / "snapshots" / commit)
    folder = resolve("someone/tiny-bert")
    assert folder.files == resolve(str(tiny("bert"))).files
    assert folder.path == repository / "snapshots" / commit


def test_a_file_is_no_encoder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(EncoderError, match="is a file"):
        resolve(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize(
    ("gone", "said"),
    [("config.json", "no config.json"), ("model.safetensors", "no weights"), ("tokenizer*", "no tokenizer")],
)
def test_a_folder_that_lacks_something(tiny: Callable[[str], Path], tmp_path: Path, gone: str, said: str) -> None:
    folder = shutil.copytree(tiny("bert"), tmp_path / "model")
    for file in folder.glob(gone):
        file.unlink()
    with pytest.raises(EncoderError, match=said):
        resolve(str(folder))


def test_pickled_weights_are_refused_with_the_way_to_convert_them(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("bert"), tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="pickle") as caught:
        resolve(str(folder))
    assert "save_pretrained" in caught.value.fix


def test_sharded_weights_are_all_there_or_refused(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("bert"), tmp_path / "model")
    first = (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": first.name, "b": "model-00002-of-00002.safetensors"}}))
    with pytest.raises(EncoderError, match="1 of 2 weight files are missing"):
        resolve(str(folder))
    index.write_text(json.dumps({"weight_map": {"a": first.name}}))
    assert first.name in resolve(str(folder)).files
    index.write_text("{")
    with pytest.raises(EncoderError, match="damaged"):
        resolve(str(folder))
