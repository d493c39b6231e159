"""The blocks against the dense matrices that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from probrm_models.vrm.warm_start import blocks
from probrm_models.vrm.warm_start.blocks import graph


def incidence(chosen: Tensor, rejected: Tensor, responses: int) -> Tensor:
    rows = torch.arange(len(chosen))
    b = torch.zeros(len(chosen), responses).double()
    b[rows, chosen] += 1
    b[rows, rejected] -= 1
    return b


@pytest.mark.parametrize("together", [1, 5, 10_000])
def test_blocks_are_the_dense_matrix(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Components of sizes 1 to 6, in no order, cut into blocks of many sizes."""
    monkeypatch.setattr(blocks, "_TOGETHER", together)
    names = torch.randperm(20)
    chosen = names[torch.tensor([0, 1, 2, 3, 5, 6, 6, 8, 9, 10, 11, 12, 13, 13, 15])]
    rejected = names[torch.tensor([1, 2, 0, 4, 6, 7, 5, 9, 10, 11, 12, 13, 8, 9, 16])]
    b, curvature = incidence(chosen, rejected, 20), torch.rand(15).double()
    found = graph(chosen, rejected, 20)
    assert found.cut == 0
    assert sorted(found.pairs.tolist()) == list(range(15))
    assert sorted(found.responses.tolist()) == list(range(20))
    inverse = torch.zeros(20, 20).double()
    for block in found.blocks:
        places, weights = found.responses[block.responses], curvature[found.pairs[block.pairs]]
        parts = block.inverse(weights, 0.3)
        inverse[places[:, None], places] = torch.block_diag(*parts)
        values = torch.randn(len(weights), 3).double()
        own = b[found.pairs[block.pairs]][:, places]
        assert torch.allclose(block.gather(values), own.T @ values)
        assert torch.allclose(block.spread(block.gather(values)), own @ own.T @ values)
    dense = torch.linalg.inv((b.T * curvature) @ b + 0.3 * torch.eye(20).double())
    assert torch.allclose(inverse, dense, atol=1e-12)


def test_a_large_component_is_cut_where_it_is_thin() -> None:
    """A chain of 100 in shuffled order, at most 30 together: 4 parts, 3 links cut; a clique beside it is left whole."""
    names = torch.randperm(110)
    clique = torch.combinations(torch.arange(100, 110))
    chosen = names[torch.cat([torch.arange(99), clique[:, 0]])]
    rejected = names[torch.cat([torch.arange(1, 100), clique[:, 1]])]
    found = graph(chosen, rejected, 110, largest=30)
    assert found.cut == 3
    assert sorted((b.size, b.responses.stop - b.responses.start) for b in found.blocks) == [(10, 20), (30, 90)]
    assert len(found.pairs) == 99 + 45 - 3
    for block in found.blocks:
        assert torch.equal(found.responses[block.responses][block.left], chosen[found.pairs[block.pairs]])
        assert torch.equal(found.responses[block.responses][block.right], rejected[found.pairs[block.pairs]])
        assert torch.equal(block.left // block.size, block.right // block.size)
