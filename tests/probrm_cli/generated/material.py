"""The files that cases are made from, written in a process of their own: the one that forks has started no thread."""

from __future__ import annotations

import os
import shutil
import traceback
from pathlib import Path

from tests.probrm_cli.generated.case import SAVED


def made(folder: Path) -> Path:
    """A log, pairs, rows with a truth, rated answers, a store and a tiny encoder."""
    child = os.fork()
    if not child:
        try:
            write(folder)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, "the files of the cases could not be made"
    _import()
    return folder


def write(folder: Path) -> None:
    """The files themselves."""
    import pandas as pd
    import pyarrow.parquet as pq
    import torch

    from probrm.data import Conversation
    from probrm.encoders import write_store
    from tests.small_models import bert

    folder.mkdir(parents=True)
    for name in ("log.parquet", "pairs.parquet", "store.safetensors"):
        shutil.copy(SAVED / name, folder / name)
    log = pq.read_table(SAVED / "log.parquet").to_pandas()
    log["label"] = [i % 2 for i in range(len(log))]
    log.to_parquet(folder / "truth.parquet")
    rated = [{"prompt": f"q{i // 3}", "response": f"a{i}", "rating": i % 5} for i in range(60)]
    pd.DataFrame(rated).to_csv(folder / "rated.csv", index=False)
    (folder / "empty.csv").touch()
    write_store(
        folder / "other.safetensors", [Conversation("another question", "another answer")], torch.ones(1, 3), "a test's own encoder"
    )
    torch.manual_seed(7)
    bert(folder / "tiny")


def _import() -> None:
    """What the commands import at work, so that no case waits for it."""
    import importlib

    others = "arviz datasets h5netcdf.legacyapi h5py matplotlib.figure pandas pyarrow.csv pyarrow.json pyarrow.parquet sklearn.linear_model"
    for name in f"{others} transformers.models.bert.modeling_bert xarray".split():
        importlib.import_module(name)
    rooms = "diagnostics.trust encoders.transformer figures inspection recipes recipes.comparison recipes.loo_comparison report.build simulation"
    for name in rooms.split():
        importlib.import_module(f"probrm.{name}")
    for name in ("implicit.recipe", "vrm.recipe", "bradley_terry.recipe", "baselines.recipe", "implicit.naive_recipe"):
        importlib.import_module(f"probrm_models.{name}")
    importlib.import_module("probrm").load(SAVED / "vrm")  # torch imports eight hundred modules for it
