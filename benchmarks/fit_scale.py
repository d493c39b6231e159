"""Time and peak memory of ``probrm fit implicit`` by rows, beside scikit-learn's logistic regression on the same vectors.

    python benchmarks/fit_scale.py [--rows 3000 25000 100000 1000000] [--columns 384] [--keep FOLDER]

Logs are simulated from the model (users, four covariates, 50 explicit labels); vectors are correlated like a sentence encoder's and come
from a store, so that no encoding is in the times. Each fit is a process of its own, imports included. The logistic regression predicts the
action from the vectors alone, with one penalty: the least that a fit could cost.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_DECAY = 0.6
"""Standard deviations of the vectors' principal directions fall like ``j^-0.6``."""
_COVARIATES = 4
_LABELS = 50


def simulate(folder: Path, rows: int, columns: int, seed: int = 0) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """Writes a log and a store; gives their paths, the vectors and the actions."""
    from probrm.data import Conversation
    from probrm.encoders import write_store

    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((columns, columns)))[0].astype(np.float32)
    vectors = (rng.standard_normal((rows, columns), dtype=np.float32) * np.arange(1, columns + 1, dtype=np.float32) ** -_DECAY) @ rotation
    users = max(50, rows // 50)
    user = rng.integers(0, users, rows)
    covariates = rng.standard_normal((rows, _COVARIATES))
    reward = vectors @ (rng.standard_normal(columns) * 1.5 / vectors.std(0) / columns**0.5).astype(np.float32)
    preferred = rng.random(rows) < 1 / (1 + np.exp(-reward))
    activity = -0.3 + covariates @ np.linspace(1, -1, _COVARIATES) + rng.standard_normal(users)[user]
    action = preferred & (rng.random(rows) < 1 / (1 + np.exp(-activity)))
    label = np.full(rows, np.nan)
    label[:_LABELS] = preferred[:_LABELS]
    texts = [f"prompt {i // 3}" for i in range(rows)], [f"answer {i}" for i in range(rows)]
    table = {"prompt": texts[0], "response": texts[1], "user_id": [f"u{i}" for i in user], "action": action, "label": label}
    table |= {f"z{j}": covariates[:, j] for j in range(_COVARIATES)}
    log, store = folder / f"log-{rows}.parquet", folder / f"store-{rows}.safetensors"
    pq.write_table(pa.table(table), log)
    write_store(store, [Conversation(p, r) for p, r in zip(*texts, strict=True)], vectors, "simulated")
    return log, store, vectors, action


def timed_fit(log: Path, store: Path, folder: Path) -> dict[str, float]:
    """One fit as a process of its own."""
    command = [sys.executable, "-c", "from probrm_cli.main import main; main()", "fit", "implicit", "--data", str(log), "--embeddings", str(store), "--json", "--quiet",
               "--propensity-features", ",".join(f"z{j}" for j in range(_COVARIATES)), "--out", str(folder / "run"), "--overwrite"]  # fmt: skip
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the fit of {log} ended with {os.waitstatus_to_exitcode(status)}")
    found = json.loads(told)
    return {"seconds": time.perf_counter() - begun, "peak GB": usage.ru_maxrss / 2**20, **found["seconds"]}


def logistic(vectors: np.ndarray, action: np.ndarray) -> float:
    """Seconds of scikit-learn's logistic regression, in this process."""
    from sklearn.linear_model import LogisticRegression

    begun = time.perf_counter()
    LogisticRegression(C=0.05, max_iter=200).fit((vectors - vectors.mean(0)) / vectors.std(0), action)
    return time.perf_counter() - begun


def main() -> None:
    """One line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[3_000, 25_000, 100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("--keep", help="A folder for logs and stores, to be used again.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for rows in arguments.rows:
            log, store, vectors, action = simulate(folder, rows, arguments.columns)
            peer = logistic(vectors, action)
            del vectors
            found = timed_fit(log, store, folder)
            phases = ", ".join(f"{name} {value:.1f}" for name, value in found.items() if name not in ("seconds", "peak GB"))
            print(f"{rows} rows: {found['seconds']:.1f} s, {found['peak GB']:.2f} GB ({phases}); logistic regression {peer:.2f} s")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB in this process")


if __name__ == "__main__":
    main()
