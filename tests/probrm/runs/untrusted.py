"""Run folders that nobody should trust: a saved run with one thing changed, and its hashes made to fit again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.numpy

from probrm.runs.run import _json

SAVED = Path(__file__).parents[2] / "saved_runs" / "bradley-terry"


def copy(to: Path) -> Path:
    """The run, to be changed."""
    shutil.copytree(SAVED, to)
    return to


def sign(run: Path, change: Callable[[dict[str, Any]], object] = lambda main: None) -> None:
    """Writes the hashes of the files as they are now, and the record with ``change``."""
    main = json.loads((run / "run.json").read_text())
    for name in main["files"]:
        if (run / name).is_file() and (run / name).stat().st_size < 2**30:
            main["files"][name] = hashlib.sha256((run / name).read_bytes()).hexdigest()
    change(main)
    main.pop("sha256")
    (run / "run.json").write_bytes(_json(main | {"sha256": hashlib.sha256(_json(main)).hexdigest()}))


def _record(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return lambda run: sign(run, change)


def _text(content: str) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        (run / "run.json").write_text(content)

    return apply


def _json_file(name: str, content: str) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        (run / name).write_text(content)
        sign(run)

    return apply


def _instead(name: str, put: Callable[[Path], object]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        (run / name).unlink()
        put(run / name)
        if name != "run.json":
            sign(run)

    return apply


def _tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        found = safetensors.numpy.load_file(run / "tensors.safetensors")
        change(found)
        safetensors.numpy.save_file(found, run / "tensors.safetensors")
        sign(run)

    return apply


def _posterior(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        with h5py.File(run / "posterior.nc", "r+") as file:
            change(file)
        sign(run)

    return apply


def _weights(**made: Any) -> Callable[[Path], None]:
    """The draws of the weights made another way: ``create_dataset``'s arguments."""

    def change(file: Any) -> None:
        old = file["posterior/reward_weights"]
        arguments = {"data": old[...]} | made
        if arguments["data"] is None:
            del arguments["data"]
        del file["posterior/reward_weights"]
        new = file["posterior"].create_dataset("reward_weights", **arguments)
        for i, name in enumerate(("chain", "draw", "reward_feature")[: new.ndim]):
            new.dims[i].attach_scale(file[f"posterior/{name}"])

    return _posterior(change)


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(1, 8, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(1, 8, 3))
    del file["posterior/reward_weights"]
    file["posterior"].create_virtual_dataset("reward_weights", layout)


def _link(link: Any) -> Callable[[Path], None]:
    def change(file: Any) -> None:
        del file["posterior/reward_weights"]
        file["posterior/reward_weights"] = link

    return _posterior(change)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\x89HDF")
        file.truncate(20 * 2**30)


_DEEP = "[" * 200_000 + "]" * 200_000
_BAD_DRAWS = np.full((1, 8, 3), np.nan, "f4")

CASES: dict[str, Callable[[Path], Any]] = {
    # names
    "files names /dev/zero": _record(lambda m: m["files"].update({"/dev/zero": "0" * 64})),
    "files names a file above": _record(lambda m: m["files"].update({"../secret": "0" * 64})),
    "files names a device instead": _record(lambda m: m.update(files={"/dev/zero": "0" * 64})),
    "files is empty": _record(lambda m: m.update(files={})),
    "files lacks the draws": _record(lambda m: m["files"].pop("posterior.nc")),
    "files is a list": _record(lambda m: m.update(files=["posterior.nc"])),
    "a hash is a number": _record(lambda m: m["files"].update({"posterior.nc": 5})),
    "sizes that do not fit": _record(lambda m: m.update(sizes={"posterior.nc": 1})),
    "sizes is a text": _record(lambda m: m.update(sizes="large")),
    # kinds of files
    "tensors are a link": _instead("tensors.safetensors", lambda path: path.symlink_to(SAVED / path.name)),
    "tensors are a link to /dev/zero": _instead("tensors.safetensors", lambda path: path.symlink_to("/dev/zero")),
    "draws are a pipe": _instead("posterior.nc", os.mkfifo),
    "metrics are a folder": _instead("metrics.json", Path.mkdir),
    "draws are 20 GB of holes": _instead("posterior.nc", _sparse),
    "metrics are 20 GB of holes": _instead("metrics.json", _sparse),
    "the record is a link": _instead("run.json", lambda path: path.symlink_to(SAVED / "run.json")),
    "the record is 20 GB of holes": _instead("run.json", _sparse),
    # JSON
    "the record is nested 200,000 deep": _text(_DEEP),
    "the record is a list": _text("[]"),
    "the record is a number of 5,000 digits": _text('{"format": ' + "9" * 5000 + "}"),
    "the record is 12 million empty lists": _text("[" + ",".join(["[]"] * 12_000_000) + "]"),
    "metrics are nested 200,000 deep": _json_file("metrics.json", _DEEP),
    "metrics are a list": _json_file("metrics.json", "[]"),
    "metrics without diagnostics": _json_file("metrics.json", '{"identifiability": {}}'),
    "a table of the metrics is a number": _json_file("metrics.json", '{"identifiability": {}, "diagnostics": 3}'),
    "notes are no texts": _json_file("metrics.json", '{"identifiability": {"notes": [1]}, "diagnostics": {}}'),
    "history is a text": _json_file("history.json", '"x"'),
    "records are texts": _json_file("history.json", '{"records": ["x"]}'),
    "records hold lists": _json_file("history.json", '{"records": [{"step": [1]}]}'),
    "held-out ids are numbers": _json_file("split.json", '{"held_out": [1, 2]}'),
    # the record
    "the seed is a text": _record(lambda m: m["config"].update(seed="x")),
    "the seed is true": _record(lambda m: m["config"].update(seed=True)),
    "no inference": _record(lambda m: m["config"].pop("inference")),
    "the record of the data is a list": _record(lambda m: m["record"].update(data=[])),
    "the source is a number": _record(lambda m: m["record"]["data"].update(source=3)),
    "the encoder is missing": _record(lambda m: m["record"].pop("encoder")),
    "the store is a table": _record(lambda m: m["record"]["encoder"].update(embeddings={})),
    "the kind is a list": _record(lambda m: m.update(kind=["vrm"])),
    "the kind is not installed": _record(lambda m: m.update(kind="os.system")),
    "the model is a list": _record(lambda m: m["spec"].update(model=[])),
    # memory asked for
    "an embedding of 10^12": _record(lambda m: m["spec"]["model"]["shape"].update(embedding=10**12)),
    "an embedding of -3": _record(lambda m: m["spec"]["model"]["shape"].update(embedding=-3)),
    "a network of 20,000 × 20,000": _record(
        lambda m: m["spec"]["model"]["config"].update(head={"name": "mlp", "hidden": [20_000, 20_000]})
    ),
    "a baseline of 20,000 × 20,000": _record(
        lambda m: m["spec"]["baseline"]["config"].update(head={"name": "mlp", "hidden": [20_000, 20_000]})
    ),
    "draws that are compressed to nothing (18.6 GB)": _weights(
        data=None, shape=(1, 5_000_000_000 // 3, 3), dtype="f4", chunks=(1, 2**20, 3), compression="gzip"
    ),
    "draws that are declared and not written (18.6 GB)": _weights(
        data=None, shape=(1, 5_000_000_000 // 3, 3), dtype="f4", chunks=(1, 2**20, 3)
    ),
    # out of the file
    "draws in another file (external storage)": _weights(data=None, shape=(1, 8, 3), dtype="f4", external=[("/etc/passwd", 0, 96)]),
    "draws in another file (external link)": _link(h5py.ExternalLink("/etc/passwd", "/x")),
    "draws in another file (virtual)": _posterior(_virtual),
    "draws behind a link": _link(h5py.SoftLink("/posterior/draw")),
    "a group inside itself": _posterior(lambda file: file["posterior"].__setitem__("again", file["posterior"])),
    # numbers
    "draws that are not numbers": _weights(data=_BAD_DRAWS),
    "draws that are infinite": _weights(data=np.full((1, 8, 3), np.inf, "f4")),
    "draws in float64": _weights(data=np.zeros((1, 8, 3))),
    "draws that are texts": _weights(data=np.full((1, 8, 3), b"x", "S1")),
    "draws of other sizes": _weights(data=np.zeros((1, 8, 3), "f4")[:, :, :2]),
    "no weights among the draws": _posterior(lambda file: file["posterior"].__delitem__("reward_weights")),
    "no draws": _posterior(lambda file: file.__delitem__("posterior")),
    "draws that are no file of draws": _instead("posterior.nc", lambda path: path.write_bytes(b"nothing")),
    "tensors in float64": _tensors(lambda t: t.update({"model.origin": np.zeros(3)})),
    "tensors of another shape": _tensors(lambda t: t.update({"model.origin": np.zeros(4, "f4")})),
    "tensors that are not numbers": _tensors(lambda t: t.update({"model.origin": np.full(3, np.nan, "f4")})),
    "tensors of nobody": _tensors(lambda t: t.update({"spy.origin": np.zeros(3, "f4")})),
    "tensors that are no tensors": _instead("tensors.safetensors", lambda path: path.write_bytes(b"\xff" * 100)),
}
