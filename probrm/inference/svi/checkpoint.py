"""Training states on disk, so that an interrupted fit goes on where it was, to the same bits."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from probrm.disk import put_file
from probrm.disk.words import reason, remedy
from probrm.errors import RunError


@dataclass
class State:
    """One training as it stands after ``meta["step"]`` steps."""

    tensors: dict[str, Tensor]
    meta: dict[str, Any]

    @property
    def kept(self) -> dict[str, Tensor]:
        """The module's state that is the best so far."""
        return {name.removeprefix("kept."): value for name, value in self.tensors.items() if name.startswith("kept.")}

    def restore(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Puts parameters, optimiser and random streams back."""
        module.load_state_dict({name[7:]: value for name, value in self.tensors.items() if name.startswith("module.")})
        optimiser.load_state_dict(
            {
                "state": {
                    int(i): {key: self.tensors[f"optimiser.{i}.{key}"] for key in keys} for i, keys in self.meta["optimiser_state"].items()
                },
                "param_groups": self.meta["optimiser_groups"],
            }
        )
        torch.set_rng_state(self.tensors["random.cpu"])
        for i in range(torch.cuda.device_count()):
            if f"random.cuda{i}" in self.tensors:
                torch.cuda.set_rng_state(self.tensors[f"random.cuda{i}"], i)


@dataclass
class Checkpoint:
    """The states of a fit's trainings, in the order in which they run; one file each, replaced in one step.

    What comes between the trainings (Newton steps) is computed again; it is deterministic and short.

    Attributes:
        folder: holds the files; made at the first save.
        fingerprint: of settings and data; a checkpoint of others is refused.
        seconds: between saves.
    """

    folder: Path
    fingerprint: str
    seconds: float = 30.0
    _count: int = field(default=0, init=False)
    _saved: float = field(default_factory=time.monotonic, init=False)

    @classmethod
    def of(cls, folder: Path, *identity: object) -> Checkpoint:
        """The checkpoint of the fit with this ``identity`` (settings, hashes; anything that JSON can hold)."""
        return cls(folder, hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest())

    def begin(self) -> int:
        """The number of the training that starts now."""
        self._count += 1
        return self._count

    def load(self, number: int) -> State | None:
        """The saved state of training ``number``, if there is one.

        Raises:
            RunError: it was written by a fit with other settings or data, or is damaged.
        """
        path = self._path(number)
        if not path.exists():
            return None
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                meta = json.loads(file.metadata()["meta"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
            raise RunError(f"--resume: the checkpoint {path} is damaged: {error}", fix=f"remove {self.folder} and fit again") from None
        if meta["fingerprint"] != self.fingerprint:
            raise RunError(
                f"--resume: the checkpoint {self.folder} was written by a fit with other settings or other data",
                fix="give the same flags and file as then, or remove that folder to start afresh",
            )
        return State(tensors, meta)

    def save(
        self,
        number: int,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        meta: dict[str, Any],
        *,
        done: bool,
        kept: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Keeps the present state, and the module's state ``kept`` beside it, when it is done or ``seconds`` after the last one."""
        if not done and time.monotonic() - self._saved < self.seconds:
            return
        self._saved = time.monotonic()
        tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
        state = optimiser.state_dict()
        tensors |= {f"optimiser.{i}.{key}": value for i, entry in state["state"].items() for key, value in entry.items()}
        tensors |= dict(_random_states())
        tensors |= {f"kept.{name}": value for name, value in (kept or {}).items()}
        meta = meta | {
            "done": done,
            "fingerprint": self.fingerprint,
            "optimiser_state": {i: list(entry) for i, entry in state["state"].items()},
            "optimiser_groups": state["param_groups"],
        }
        # Cloned: safetensors refuses tensors that share memory. Not its own writer: that meets a full disk with an error of its own.
        content = safetensors.torch.save({n: v.detach().clone().contiguous() for n, v in tensors.items()}, {"meta": json.dumps(meta)})
        try:
            put_file(self._path(number), content, durable=False)
        except OSError as error:
            there = sorted(path.name for path in self.folder.glob("training-*.safetensors")) if self.folder.is_dir() else []
            with suppress(OSError):
                self.folder.rmdir()  # only where it is empty
            raise RunError(
                f"--resume: the training state cannot be kept in {self.folder}: {reason(error)}; "
                + (f"the states of before are there still ({', '.join(there)})" if there else "nothing is left there"),
                fix=f"{remedy(error)} and give the same command again, or fit without --resume",
            ) from None

    def _path(self, number: int) -> Path:
        return self.folder / f"training-{number}.safetensors"


def _random_states() -> Iterator[tuple[str, Tensor]]:
    yield "random.cpu", torch.get_rng_state()
    for i in range(torch.cuda.device_count()):
        yield f"random.cuda{i}", torch.cuda.get_rng_state(i)
