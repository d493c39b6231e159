"""What a user knows in addition to the log (``--assume``): the base rate, or in which direction something acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.files.hints import did_you_mean, listed
from probrm.errors import ConfigError
from probrm.priors import Beta
from probrm.recipes.logs.shape import LogShape

_NUMBER = r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)"
_RATE = re.compile(rf"base[-_ ]rate\s*=\s*{_NUMBER}\s*(?:±|\+/?-)\s*{_NUMBER}")
_EFFECT = re.compile(r"(\S.*?)\s+(raises|lowers)\s+(propensity|reward)")
_FIX = "write --assume base-rate=0.4±0.1 (or 0.4+-0.1), or --assume 'code_block raises propensity' (raises|lowers, propensity|reward)"


@dataclass(frozen=True)
class Effect:
    """A covariate's direction.

    Attributes:
        covariate: as the heads name it (``code_block``, ``surface[ide]``).
        sign: 1 where it raises, −1 where it lowers.
        head: what.
    """

    covariate: str
    sign: int
    head: Literal["propensity", "reward"]

    @property
    def site(self) -> str:
        """The sample site of the head's effects."""
        return f"{self.head}_effects"


@dataclass(frozen=True)
class Assumptions:
    """Side information that no row of the log holds.

    Attributes:
        base_rate: prior of the share of preferred answers; None where nothing was said.
        effects: directions.
    """

    base_rate: Beta | None = None
    effects: tuple[Effect, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Assumptions:
        """From what was typed.

        Raises:
            ConfigError: a text of another form, a rate that no Beta distribution has, two base rates, or a direction and its opposite.
        """
        rate: Beta | None = None
        effects: list[Effect] = []
        for text in texts:
            if found := _EFFECT.fullmatch(text.strip()):
                name, direction, head = found.groups()
                effect = Effect(name, 1 if direction == "raises" else -1, head)  # type: ignore[arg-type]
                if replace(effect, sign=-effect.sign) in effects:
                    raise ConfigError(f"--assume {text}: the opposite is assumed too", fix="give one of the two")
                effects.append(effect)
            elif found := _RATE.fullmatch(text.strip()):
                if rate is not None:
                    raise ConfigError(f"--assume {text}: a second base rate", fix="give one")
                rate = _beta(text, found.group(1), found.group(2))
            else:
                raise ConfigError(f"--assume {text}: found neither a base rate nor a direction", fix=_FIX)
        return cls(rate, tuple(effects))

    def check(self, shape: LogShape) -> None:
        """Whether the heads have what is spoken of.

        Raises:
            ConfigError: a covariate that the head does not see.
        """
        for effect in self.effects:
            names = shape.propensity_effects if effect.head == "propensity" else shape.reward_effects
            if effect.covariate not in names:
                close = did_you_mean(effect.covariate, names)
                raise ConfigError(
                    f"--assume '{effect.covariate} … {effect.head}': the {effect.head} has no covariate {effect.covariate!r}; "
                    f"it has {listed(names) if names else 'none'}",
                    fix=close or f"give it one: --{effect.head}-features {effect.covariate}, or --derive for what the text shows",
                )

    def log_probability(self, shape: LogShape, draws: dict[str, Tensor], rates: Float[Tensor, " r"]) -> float:
        """How well a mode fits what is assumed.

        Args:
            shape: of the model.
            draws: of the globals around the mode, ``(s, …)``.
            rates: base rates that the log allows under the mode.
        """
        total = 0.0
        if self.base_rate is not None:
            density = torch.distributions.Beta(self.base_rate.concentration1, self.base_rate.concentration0)
            total += float(torch.logsumexp(density.log_prob(rates), 0)) - float(torch.tensor(float(len(rates))).log())
        for effect in self.effects:
            names = shape.propensity_effects if effect.head == "propensity" else shape.reward_effects
            values = effect.sign * draws[effect.site][..., names.index(effect.covariate)].flatten().double()
            # A normal tail: a mode is not ruled out by the number of draws.
            total += float(torch.special.log_ndtr(values.mean() / values.std().clamp_min(1e-9)))
        return total


def _beta(text: str, mean: str, sd: str) -> Beta:
    try:
        m, s = float(mean), float(sd)
    except ValueError:
        raise ConfigError(f"--assume {text}: found no two numbers", fix=_FIX) from None
    if not 0 < m < 1 or not 0 < s < (m * (1 - m)) ** 0.5:
        raise ConfigError(
            f"--assume {text}: no rate in (0, 1) has this mean and deviation; allowed: a mean between 0 and 1, a deviation below √(mean·(1 − mean))",
            fix="write --assume base-rate=0.4±0.1",
        )
    size = m * (1 - m) / s**2 - 1
    return Beta(m * size, (1 - m) * size)
