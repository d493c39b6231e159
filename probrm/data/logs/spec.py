"""What a user says about a log: which column is what, and which covariates the heads see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from probrm.data.columns.coding import parse_codes
from probrm.data.columns.matching import NATIVE
from probrm.data.covariates.derived import DERIVED
from probrm.data.files.hints import check_known
from probrm.data.logs.actions import parse_actions
from probrm.data.logs.presets import PRESETS
from probrm.data.products.registry import PRODUCTS
from probrm.errors import ConfigError

_LISTS = ("propensity_features", "reward_features", "derive", "actions")


@dataclass(frozen=True)
class LogSpec:
    """How to read a log. Plain data: it goes into a run's config as it is.

    Attributes:
        columns: native name → the file's column, ``{"prompt": "question", "action": "copied"}``. An empty name (``{"id": ""}``)
            says that the file has no such column, even if one of its columns is called that.
        preset: the name of a published log's form, see ``probrm.data.logs.presets``.
        propensity_features: the file's columns that the propensity head sees.
        reward_features: the file's columns that the reward head sees in addition to the embedding.
        derive: covariates made from the texts, see ``probrm.data.covariates.derived``; the propensity head sees them.
        actions: several actions a row instead of the native ``action``: ``[-]COLUMN[:binary|ordinal|log-normal|thumb]`` each, a
            minus where it speaks against the answer.
        values: what values of actions and labels mean, ``{"up": 1, "down": 0}``; None stands for missing. ``"label:yes"`` speaks of
            the label, or of the column of that name, alone.
        missing_action: ``"0"``: a missing action means no action. None: it may not be missing (``action``), or was not observed
            (``actions``).
        feedback: a file that holds the feedback to a product's log, joined to it.
        on: the key of that join.
        labels: a file of explicit labels of the log's answers: a table with prompt, response and label, or an export of Argilla or Label Studio.
        label_false_means: of a file with a label an answer (TRL's unpaired preferences), what a false one means: ``"negative"``, or
            ``"no-action"``.

    Raises:
        ConfigError: a native name, preset, derived covariate or kind of action does not exist; a covariate is named twice; an
            action is a covariate, a label or another native column too; a value's meaning is no number.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    propensity_features: tuple[str, ...] = ()
    reward_features: tuple[str, ...] = ()
    derive: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    missing_action: str | None = None
    feedback: str | None = None
    on: str | None = None
    labels: str | None = None
    label_false_means: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(self.columns))
        for name in _LISTS:
            given = tuple(getattr(self, name))
            object.__setattr__(self, name, tuple(dict.fromkeys(given)))
        for native in self.columns:
            check_known("columns", native, NATIVE, "--columns prompt=question,action=copied")
        object.__setattr__(self, "values", dict(parse_codes(self.values)))
        if self.missing_action is not None:
            object.__setattr__(self, "missing_action", str(self.missing_action))
            if self.missing_action not in ("0", "0.0"):
                raise ConfigError(
                    f"missing action: found {self.missing_action!r}; allowed: 0", fix="write --missing-action 0, or leave it out"
                )
        if (self.feedback is None) != (self.on is None):
            raise ConfigError("feedback and on: one is given without the other", fix="write --feedback FILE --on request_id")
        if self.preset is not None:
            check_known("preset", self.preset, (*PRESETS, *PRODUCTS), f"--preset {next(iter(PRESETS))}")
        if self.label_false_means is not None:
            check_known("label_false_means", self.label_false_means, ("negative", "no-action"), "--label-false-means negative")
        for name in self.derive:
            check_known("derive", name, DERIVED, f"--derive {','.join(DERIVED)}")
        for action in parse_actions(self.actions):
            _check_part(action.column, self)
        clash = [name for name in self.derive if name in self.propensity_features]
        if clash:
            raise ConfigError(
                f"derive: {clash[0]!r} is also one of the propensity features, and two covariates cannot have one name",
                fix="drop one of the two, or rename the file's column",
            )

    @property
    def derived(self) -> tuple[str, ...]:
        """What is derived in all: what the preset brings, then what was asked for."""
        preset = PRESETS[self.preset].derive if self.preset in PRESETS else ()
        return tuple(dict.fromkeys((*(name for name in preset if name not in self.propensity_features), *self.derive)))

    @property
    def named(self) -> tuple[str, ...]:
        """The file's columns that are named anywhere, without what is empty."""
        actions = (action.column for action in parse_actions(self.actions))
        return tuple(dict.fromkeys(filter(None, (*self.columns.values(), *actions, *self.propensity_features, *self.reward_features))))

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON and TOML."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LogSpec:
        """The inverse of ``to_dict``; fields may be missing, unknown ones are refused.

        Raises:
            ConfigError: a field is unknown.
        """
        valid = [f.name for f in fields(cls)]
        for key in data:
            check_known("data settings", key, valid, ", ".join(valid))
        tuples = {key: tuple(data[key]) for key in _LISTS if key in data}
        return cls(**{**data, **tuples})


def _check_part(column: str, spec: LogSpec) -> None:
    """What is to be explained cannot explain it."""
    parts = {name: f"the column for {native!r}" for native, name in spec.columns.items() if native != "action"}
    parts |= dict.fromkeys(spec.propensity_features, "one of the propensity features")
    parts |= dict.fromkeys(spec.reward_features, "one of the reward features")
    if column in parts:
        raise ConfigError(f"actions: {column!r} is also {parts[column]}", fix="drop one of the two")
