from __future__ import annotations

import numpy as np
import pytest
import torch

from probrm.diagnostics.distance import reach, squared_distances


def test_by_hand() -> None:
    np.testing.assert_allclose(squared_distances(torch.tensor([[1.0, -1.0], [3.0, 4.0], [0.0, 0.0]])), [1.0, 12.5, 0.0])


def test_of_standardised_vectors_they_are_one_on_average_and_1_in_100_is_beyond_reach() -> None:
    vectors = torch.randn(2000, 30, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 5, 30)
    z = (vectors - vectors.mean(0)) / vectors.std(0, correction=0)
    assert squared_distances(z).mean() == pytest.approx(1, abs=1e-5)
    assert (squared_distances(z) > reach(z)).sum() == 20
