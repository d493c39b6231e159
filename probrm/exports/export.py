"""``probrm export``: refuse what cannot be exact, write the folder, try it, and only then give it its name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from probrm.disk import TakenError, check_folder_place, put_folder, refusal
from probrm.errors import ConfigError
from probrm.exports.card import card
from probrm.exports.check import largest_difference
from probrm.exports.encoder import FittedEncoder
from probrm.exports.linear import linear_reward
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation

Target = Literal["sentence-transformers", "transformers"]
TARGETS: tuple[Target, ...] = ("sentence-transformers", "transformers")
MARKER = "probrm.json"
"""The file that makes a folder an export; what has none is never replaced."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the folder.
        difference: the most that its scores were off the run's rewards when it was tried, logits.
        intercept: of the reward; the folder has it in its head, or a decoder's in config.json alone.
        notes: what its users should know.
    """

    path: Path
    difference: float
    intercept: float
    notes: list[str]


def export_run(
    run: Run, path: str | Path, *, to: Target, overwrite: bool = False, command: str | None = None, evaluation: Evaluation | None = None
) -> Exported:
    """Writes a run as a folder that needs no probrm.

    Args:
        run: a fitted run whose reward is linear in an answer's vector.
        path: a new folder.
        to: ``sentence-transformers``, a CrossEncoder; or ``transformers``, for AutoModelForSequenceClassification.
        overwrite: whether an earlier export is replaced.
        command: that made it, for the model card.
        evaluation: of the run on rows with a known truth, for the model card.

    Raises:
        ConfigError: it cannot be exact, says why and what can be done; or the place is taken.
        EncoderError: the run's encoder is not there.
    """
    target = Path(path)
    if to not in TARGETS:
        raise ConfigError(f"--to {to}: no such form; allowed: {', '.join(TARGETS)}", fix=f"--to {TARGETS[0]}")
    check_export(target, overwrite=overwrite)
    encoder = FittedEncoder.of(run)
    if to == "sentence-transformers":
        from probrm.exports import cross_encoder as form

        form.check_library()
        form.refuse(encoder)
        write, load = form.write_cross_encoder, form.load_cross_encoder
    else:
        from probrm.exports import classifier

        classifier.refuse(encoder)
        write, load = classifier.write_classifier, lambda folder: classifier.load_classifier(folder, encoder)
    reward = linear_reward(find_recipe(run.kind), run)
    told: list[Exported] = []
    data = {name: run.record["data"].get(name) for name in ("rows", "sha256")}

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            write(folder, encoder, reward, Path(scratch))
        off = largest_difference(encoder, reward, load(folder))
        told.append(Exported(target, off, reward.intercept, _notes(encoder, folder, to)))
        (folder / "README.md").write_text(
            card(run, encoder, to=to, exported=told[0], command=command, evaluation=evaluation), encoding="utf-8"
        )
        about = {"to": to, "model": run.kind, "data": data, "encoder": run.record["encoder"]["key"], "difference": off}
        (folder / MARKER).write_text(json.dumps(about, indent=2, default=str) + "\n", encoding="utf-8")

    _put(target, fill, overwrite=overwrite)
    return told[0]


def check_export(path: Path, *, overwrite: bool) -> None:
    """Refuses a place that may not be written, before any work.

    Raises:
        ConfigError: it is taken.
    """
    check_folder_place(path, "FOLDER", ConfigError)
    if not path.is_dir() or not any(path.iterdir()):
        return
    if not (path / MARKER).is_file():
        raise ConfigError(
            f"{path}: the folder holds something that is no export of probrm", fix="name a new folder; this one is never overwritten"
        )
    if not overwrite:
        raise ConfigError(f"{path}: the folder already holds an export", fix="name another folder, or replace it with --overwrite")


def _put(path: Path, fill: Callable[[Path], None], *, overwrite: bool) -> None:
    try:
        put_folder(path, fill, replaceable=(lambda there: (there / MARKER).is_file()) if overwrite else None)
    except TakenError as error:
        raise ConfigError(
            f"{path}: another command has taken this name; the export is in {error.kept}", fix="rename it, or name another folder"
        ) from None
    except OSError as error:
        raise refusal(path, error, what="the export could not be saved") from None


def _notes(encoder: FittedEncoder, folder: Path, to: Target) -> list[str]:
    config = encoder.config
    notes = [
        f"texts of more than {config.max_length} tokens are cut elsewhere than probrm cuts them, and score otherwise",
    ]
    if config.precision != "float32":
        notes.append(
            f"the run's vectors are {config.precision}, the folder computes in float32: scores differ by what {config.precision} rounds"
        )
    if (
        to == "transformers"
        and "mean" in (settings := json.loads((folder / "config.json").read_text()))
        and settings.get("logit_mean") is not None
    ):
        notes.append(
            f"the head has no intercept: scores are rewards minus {-settings['mean']:.4g}, the same for every answer; vLLM (logit_mean) and "
            "OpenRLHF (mean, with reward normalisation) put it back, TRL and transformers do not, which changes no order"
        )
    return notes
