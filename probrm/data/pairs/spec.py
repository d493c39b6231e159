"""What a user says about preference pairs: which column is what, which attributes count, what becomes of ties."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from probrm.data.files.hints import check_known
from probrm.data.pairs.formats import PAIR_NATIVE, PRESETS
from probrm.errors import ConfigError

_TIES = ("drop", "davidson")
_CHOICES = ("first", "second", "tie")


@dataclass(frozen=True)
class PairSpec:
    """How to read preference pairs. Plain data: it goes into a run's config as it is.

    Attributes:
        columns: native name → the file's column, ``{"prompt": "question", "chosen": "winner"}``; see
            ``probrm.data.pairs.formats.PAIR_NATIVE``. An empty name (``{"margin": ""}``) says that the file has no such column,
            even if one of its columns is called that.
        preset: a published form, see ``probrm.data.pairs.formats.PRESETS``; None: told from the columns.
        attributes: the attributes that are read, in this order; ``-toxicity`` counts reversed, lower being better. Empty: all whose names
            are known to be those of ratings.
        ties: what becomes of pairs of which neither side is preferred: ``"drop"`` drops and counts them, ``"davidson"`` keeps
            them with outcome 0.5, to be modelled as Davidson (1970) does.
        min_difference: pairs made from ratings whose overall ratings differ by less are ties, and so are those that do not differ.
        choices: what the values of the choice between two answers mean: ``{"first": "1", "second": "2", "tie": "0"}``, several values of
            one kind separated by ``|``, ``negative`` and ``positive`` for a signed scale; empty: understood from the values.

    Raises:
        ConfigError: a native name or preset does not exist, an attribute is named twice or not at all, or a value is not allowed.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    attributes: tuple[str, ...] = ()
    ties: Literal["drop", "davidson"] = "drop"
    min_difference: float = 0.0
    choices: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(self.columns))
        object.__setattr__(self, "attributes", tuple(self.attributes))
        object.__setattr__(self, "choices", dict(self.choices))
        for native in self.columns:
            check_known("columns", native, PAIR_NATIVE, "--columns prompt=question,chosen=winner,rejected=loser")
        if self.preset is not None:
            check_known("preset", self.preset, PRESETS, f"--preset {next(iter(PRESETS))}")
        check_known("ties", self.ties, _TIES, "--ties drop")
        for kind in self.choices:
            check_known("choices", kind, _CHOICES, "--choices first=1,second=2,tie=0")
        if self.choices and not {"first", "second"} <= set(self.choices):
            raise ConfigError(
                f"choices: found {', '.join(self.choices)}; allowed: first and second, and perhaps tie",
                fix="--choices first=1,second=2,tie=0",
            )
        plain = [name.removeprefix("-") for name in self.attributes]
        repeated = [name for name in plain if plain.count(name) > 1]
        if repeated:
            raise ConfigError(f"attributes: {repeated[0]!r} is named twice", fix="name each attribute once")
        if "" in plain:
            raise ConfigError("attributes: one name is empty", fix="name columns of the file: --attributes helpfulness,correctness")
        if not 0 <= self.min_difference < math.inf:
            raise ConfigError(
                f"min_difference: found {self.min_difference}; allowed: 0 or a positive finite number",
                fix="for example --min-difference 0.25",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON and TOML."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PairSpec:
        """The inverse of ``to_dict``; fields may be missing, unknown ones are refused.

        Raises:
            ConfigError: a field is unknown.
        """
        valid = [f.name for f in fields(cls)]
        for key in data:
            check_known("data settings", key, valid, ", ".join(valid))
        return cls(**data)
