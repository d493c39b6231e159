"""Columns of every type in every role, in every form of file, read by every command that reads."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq

from probrm.data.columns.matching import NATIVE
from probrm.data.pairs.formats import PAIR_NATIVE
from tests.probrm_cli.generated.arrow_types import DTYPES, TYPES, arrow_column, pandas_column
from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import STORE, fit_of, lay_out
from tests.probrm_cli.generated.strange import scalar, text

LOG_ROLES = (*NATIVE, "hour", "extra")
PAIR_ROLES = (*PAIR_NATIVE, "messages", "helpfulness")
LABELS = ("action", "label", "shown", "tie", "choice", "pair")


def build(draw: random.Random, folder: Path, material: Path) -> Case:
    """One column, or two, in place of what the file has."""
    pairs = draw.random() < 0.4
    base = pq.read_table(material / ("pairs.parquet" if pairs else draw.choice(("log.parquet", "truth.parquet"))), use_threads=False)
    frame: dict[str, Any] = {name: base.column(name).to_pylist() for name in base.column_names}
    made: dict[str, Any] = {}
    tags = []
    for _ in range(draw.choice((1, 1, 1, 2))):
        role = draw.choice(PAIR_ROLES if pairs else LOG_ROLES)
        like = frame.get(role) or [draw.choice((0, 1)) if role in LABELS else f"{role}{i % 9}" for i in range(base.num_rows)]
        of_pandas = draw.random() < 0.25
        kind = draw.choice(DTYPES if of_pandas else (*TYPES, "strange", "strange"))
        if kind == "strange":
            values = [scalar(draw) if draw.random() < 0.3 else value for value in like]
            made[role] = values
        else:
            made[role] = pandas_column(kind, like, draw) if of_pandas else arrow_column(kind, like, draw)
        tags.append(f"{kind} as {role}")
    if draw.random() < 0.1:
        frame[text(draw)] = frame[base.column_names[0]]  # a column of a strange name
    name = _write(draw, folder, frame, made)
    lay_out(folder, material, runs=())
    argv = _command(draw, folder, name, pairs, tuple(made))
    return Case(argv, f"{name}: {', '.join(tags)}", tuple(tags))


def _write(draw: random.Random, folder: Path, frame: dict[str, Any], made: dict[str, Any]) -> str:
    """In the form that was drawn, or the next that holds such a column."""
    forms = ["parquet", "parquet", "csv", "tsv", "jsonl", "json", "jsonl.gz", "feather", "arrow"]
    draw.shuffle(forms)
    for form in forms:
        path = folder / f"data.{form}"
        try:
            if form in ("parquet", "feather", "arrow"):
                table = _table(frame | made)
                if form == "parquet":
                    pq.write_table(table, path)
                elif form == "feather":
                    pyarrow.feather.write_feather(table, path)
                else:
                    with pyarrow.ipc.new_file(path, table.schema) as file:
                        file.write_table(table)
            else:
                _frame(frame | made, path, form)
            return path.name
        except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError, NotImplementedError):
            path.unlink(missing_ok=True)
    return "log.parquet"


def _table(columns: dict[str, Any]) -> pa.Table:
    arrays = [values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True) for values in columns.values()]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _frame(columns: dict[str, Any], path: Path, form: str) -> None:
    frame = pd.DataFrame({name: values.to_pylist() if isinstance(values, pa.Array) else values for name, values in columns.items()})
    if form.startswith("jsonl"):
        frame.to_json(path, orient="records", lines=True, default_handler=str)
    elif form == "json":
        frame.to_json(path, orient="records", default_handler=str)
    else:
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")


def _command(draw: random.Random, folder: Path, name: str, pairs: bool, roles: tuple[str, ...]) -> list[str]:
    which = draw.random()
    features = ["--propensity-features", "hour"] if "hour" in roles and not pairs else []
    if which < 0.35:
        return ["inspect", name, *(["--json"] if draw.random() < 0.3 else []), *features]
    if which < 0.6:
        if pairs:
            return fit_of(draw.choice(("bradley-terry", "vrm")), draw, name)
        actions = (
            ["--actions", f"{draw.choice(roles)}:{draw.choice(('binary', 'ordinal', 'log-normal', 'thumb'))}"]
            if draw.random() < 0.2
            else []
        )
        reward = ["--reward-features", draw.choice(roles)] if draw.random() < 0.1 else []
        return [*fit_of(draw.choice(("implicit", "naive", "sar-em", "ips")), draw, name), *features, *actions, *reward]
    if which < 0.85:
        run = draw.choice(("bradley-terry", "vrm") if pairs else ("implicit", "naive", "sar-em"))
        _bring(folder, run)
        if draw.random() < 0.5:
            return ["evaluate", run, "--data", name, *STORE, "--bootstrap", "10"]
        return ["score", run, "--data", name, *STORE, "--out", f"new.{draw.choice(('csv', 'parquet', 'jsonl'))}"]
    return [
        "simulate",
        "implicit",
        "--data",
        name,
        "--rating",
        draw.choice(roles),
        "--out",
        f"new.{draw.choice(('csv', 'parquet', 'jsonl'))}",
    ]


def _bring(folder: Path, run: str) -> None:
    import shutil

    from tests.probrm_cli.generated.case import SAVED

    shutil.copytree(SAVED / run, folder / run)


COLUMNS = Kind("columns", build, 24)
