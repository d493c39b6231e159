from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from probrm.diagnostics import sampler_quality
from probrm.model import RewardModel
from probrm.posterior import summarise


def test_the_worst_entry_of_all_variables(two_rates: Callable[..., RewardModel]) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = {"rate": torch.rand(800, generator=generator), "slopes": torch.randn(800, 2, generator=generator)}
    draws["slopes"][400:, 1] += 3  # the second chain is elsewhere
    table = summarise(two_rates(5), draws, 2, sampled=True)
    found = sampler_quality(table, 2, np.arange(800) < 5)
    slopes = table["slopes"]
    assert slopes.r_hat is not None
    assert slopes.ess_bulk is not None
    assert found.r_hat == slopes.r_hat[1] > 1.5
    assert found.ess_bulk == slopes.ess_bulk[1] < 10
    assert (found.chains, found.draws, found.divergences) == (2, 800, 5)
    assert not found.rough
    good = sampler_quality(summarise(two_rates(5), {"rate": draws["rate"]}, 2, sampled=True), 2, np.zeros(800, bool))
    assert good.rough
    assert good.fine


def test_one_chain_has_no_r_hat(two_rates: Callable[..., RewardModel]) -> None:
    found = sampler_quality(summarise(two_rates(5), {"rate": torch.rand(800)}, 1, sampled=True), 1, np.zeros(800, bool))
    assert math.isnan(found.r_hat)
    assert str(found).startswith("one chain, no R̂, effective draws ")
    assert not found.fine
