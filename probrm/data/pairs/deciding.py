"""What decides between two answers: a column of choices, columns of wins, or scores of both."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.columns.sides import TwoSides
from probrm.data.columns.values import Cells, scores
from probrm.data.pairs.choices import Choice, read_choice
from probrm.data.pairs.one_hot import one_hot_columns, read_one_hot
from probrm.data.pairs.rating_names import direction
from probrm.data.pairs.recognise import Reading
from probrm.data.pairs.side_by_side import scores_of


def read_deciding(reading: Reading, answers: TwoSides, rows: np.ndarray) -> Choice:
    """Which of two answers is preferred in some rows of a file; what was understood is told.

    Raises:
        DataError: a value is not understood, or could mean either side.
    """
    source, table, parts, spec = reading.source, reading.table, reading.parts, reading.spec
    if "choice" not in parts:
        names = [parts[native].name for native in ("score_0", "score_1")]
        reading.told.append(f"{direction(names[0])}/`{names[1]}`")
        fix = "write numbers, or name the column that says which is preferred: --columns choice=NAME"
        first, second = (
            scores(Cells.of(source, name, parts[n].values, rows), fix=fix) for name, n in zip(names, ("score_0", "score_1"), strict=True)
        )
        sign = -1.0 if direction(names[0]).startswith("lower") else 1.0
        difference = sign * (second - first)
        return Choice(np.where(np.isnan(difference), np.nan, 0.5 + 0.5 * np.sign(difference)), None, "")
    part = parts["choice"]
    spread = one_hot_columns(table.column_names, part.name, answers)
    if spread is not None and not spec.choices:
        columns = [Part(name, table.column(name)) for name in spread if name is not None]
        choice = read_one_hot(columns, source, rows, answers)
        reading.used.update(column.name for column in columns)
        reading.told.append(f"{choice.meaning}")
        return choice
    part = _models_as_marks(part, reading, answers)
    published = all(parts[native].name == reading.about.columns.get(native) for native in ("response_0", "response_1", "choice"))
    declared = dict(spec.choices) or (dict(reading.about.choices) if published else {})
    index = "choice" in spec.columns or part.name == "choice" or bool({"id", "index", "idx"} & set(part.name.lower().split("_")))
    choice = read_choice(Cells.of(source, part.name, part.values, rows), answers, declared, index=index)
    ties = int((choice.side == 0.5).sum())
    reading.told.append(f"`{part.name}`, where {choice.meaning}" + (f" ({ties} rows)" if ties else ""))
    return choice


def _models_as_marks(part: Part, reading: Reading, answers: TwoSides) -> Part:
    """A choice that names the model which won, as the mark of its side, where the file has both models' names in columns."""
    table = reading.table
    models = next((pair for base, pair in scores_of(table.column_names, answers).items() if base in ("model", "model_name")), None)
    if models is None or reading.spec.choices:
        return part
    values, first, second = part.values.to_pylist(), *(table.column(name).to_pylist() for name in models)
    named = [value is not None and value == a != b for value, a, b in zip(values, first, second, strict=True)]
    other = [value is not None and value == b != a for value, a, b in zip(values, first, second, strict=True)]
    if not any(named) and not any(other):
        return part
    reading.notes.append(f"`{part.name}` names the models of `{models[0]}` and `{models[1]}`")
    reading.used.update(models)
    marks = [
        models[0] if is_first else models[1] if is_second else value
        for value, is_first, is_second in zip(values, named, other, strict=True)
    ]
    return Part(part.name, pa.array(marks))
