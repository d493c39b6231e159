"""From a log and its embeddings to the implicit model's batch: fitted once, saved with the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, FeatureMap, Log
from probrm.data.batch import TOGETHER
from probrm.data.logs.actions import ActionSpec
from probrm.data.logs.repeats import repeated_answers
from probrm.errors import DataError
from probrm.recipes.logs.action_inputs import action_columns, comparison_columns, fit_actions
from probrm.recipes.logs.shape import LogShape


@dataclass(frozen=True)
class LogInputs:
    """How columns become tensors.

    Attributes:
        centre: mean of each embedding column over the log, ``(d,)``.
        spread: its standard deviation, ``(d,)``.
        reward: map of the reward head's covariates.
        propensity: map of the propensity head's.
        users: ids in the order of the model's user effects; empty without a user effect.
        actions: the kinds of actions of a row; empty for the single yes/no action.
        repeated: answers that the fitted log shows several times.
    """

    centre: Float[Tensor, " d"]
    spread: Float[Tensor, " d"]
    reward: FeatureMap
    propensity: FeatureMap
    users: tuple[str, ...]
    actions: tuple[ActionSpec, ...] = ()
    repeated: int = 0

    @classmethod
    def fit(cls, log: Log, vectors: Float[Tensor, "n d"]) -> LogInputs:
        """Means, deviations, levels and users of a log. None of them looks at actions or labels, but for the units of durations."""
        spread = vectors.std(0, correction=0)
        users = () if log.user is None else tuple(sorted(set(log.user)))
        return cls(
            vectors.mean(0),
            torch.where(spread > 1e-6, spread, 1.0),  # a constant column stays zero
            FeatureMap.fit(log.reward),
            FeatureMap.fit(log.propensity),
            users,
            fit_actions(log),
            int(repeated_answers(log.conversations).max()) + 1,
        )

    @property
    def shape(self) -> LogShape:
        """The model's shape."""
        names = tuple(self.reward.names), tuple(self.propensity.names)
        return LogShape(len(self.centre), *names, self.users, actions=self.actions, repeated=self.repeated)

    def batch(self, log: Log, vectors: Float[Tensor, "n d"], *, covariates: bool = True) -> Batch:
        """The batch of all rows of a log.

        Args:
            log: users that were not in the fitted log get indices behind the known ones, one a user.
            vectors: its embeddings.
            covariates: False leaves the propensity's inputs, several actions and comparisons out, for scoring: a reward does not depend
                on them.

        Raises:
            DataError: vectors of another length than the fit's.
        """
        if vectors.shape[1] != len(self.centre):
            raise DataError(
                f"{log.source}: its embeddings have {vectors.shape[1]} columns, the run was fitted on {len(self.centre)}",
                fix="encode with the encoder of the run (probrm evaluate and score do so by themselves without --embeddings)",
            )
        n = len(log)
        nothing = np.full(n, np.nan, np.float32)
        columns = {
            "embedding": self.scaled(vectors),
            "reward_covariates": torch.from_numpy(self.reward.transform(log.reward)),
            "weight": torch.from_numpy(log.weight),
            "label": torch.from_numpy(log.label if log.label is not None else nothing),
            "action": torch.from_numpy(log.action if log.action is not None else np.zeros(n, np.float32)),
        }
        if covariates:
            columns["propensity_covariates"] = torch.from_numpy(self.propensity.transform(log.propensity))
            columns["user"] = self._user_index(log)
            if self.repeated:
                columns[TOGETHER] = torch.from_numpy(repeated_answers(log.conversations))
            columns |= action_columns(log, self.actions) | comparison_columns(log, columns["embedding"], columns["reward_covariates"])
            if log.propensity_known is not None:
                columns["known_propensity"] = torch.from_numpy(log.propensity_known)
        return Batch(columns, n)

    def scaled(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Embedding columns with the fit's mean taken off, in units of its deviation."""
        return (vectors - self.centre) / self.spread

    def _user_index(self, log: Log) -> Tensor:
        if not self.users:
            return torch.zeros(len(log), dtype=torch.long)
        index = {user: i for i, user in enumerate(self.users)}
        if log.user is None:  # every row an unseen user of its own
            return torch.arange(len(log)) + len(index)
        return torch.tensor([index.setdefault(user, len(index)) for user in log.user])

    def unknown_levels(self, log: Log) -> list[str]:
        """What a reader of rewards should know about categories that the fit has not seen."""
        return [
            f"{name}: {count} rows have a level that the fit has not seen; they count as its most frequent level"
            for name, count in self.reward.unknown_levels(log.reward).items()
        ]

    def tensors(self) -> dict[str, Tensor]:
        """What goes into safetensors."""
        return {"centre": self.centre, "spread": self.spread}

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        heads = {"reward": self.reward.to_dict(), "propensity": self.propensity.to_dict()}
        return heads | {"users": list(self.users), "actions": [action.to_dict() for action in self.actions], "repeated": self.repeated}

    def check_shape(self, shape: LogShape) -> None:
        """Refuses a model of another shape, which a run's files may describe although nobody fitted it. A model may leave covariates or users out.

        Raises:
            ValueError: names what differs.
        """
        if not self.centre.shape == self.spread.shape == (shape.embedding,):
            raise ValueError(f"inputs.centre and inputs.spread have other shapes than the embedding, ({shape.embedding},)")
        for name in ("reward_effects", "propensity_effects", "users", "actions"):
            if (ours := getattr(shape, name)) and ours != getattr(self.shape, name):
                raise ValueError(f"{name} of the inputs are others than the model's")

    @classmethod
    def restore(cls, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> LogInputs:
        """The inverse of ``to_dict`` and ``tensors``."""
        users: Sequence[str] = spec["users"]
        return cls(
            tensors["centre"],
            tensors["spread"],
            FeatureMap.from_dict(spec["reward"]),
            FeatureMap.from_dict(spec["propensity"]),
            tuple(users),
            tuple(ActionSpec.from_dict(action) for action in spec.get("actions", ())),
            spec.get("repeated", 0),
        )
