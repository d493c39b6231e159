"""What a log says of its rows in addition to the model's inputs: what a fit is checked against."""

from __future__ import annotations

import numpy as np

from probrm.data import Log
from probrm.data.covariates.derived import DERIVED


def row_facts(log: Log) -> dict[str, np.ndarray]:
    """Columns by name, one entry a row: the user, the length of the answer, every covariate as it is in the file, and the prompt."""
    facts = {name: frame[name].to_numpy() for frame in (log.reward, log.propensity) for name in frame.columns}
    facts.setdefault("length", DERIVED["length"](log.conversations))
    if log.user is not None:
        facts["user"] = log.user
    facts["prompt"] = np.array([c.prompt_text for c in log.conversations], dtype=object)
    return facts
