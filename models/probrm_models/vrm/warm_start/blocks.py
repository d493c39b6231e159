"""The graph of who was compared with whom, cut into blocks of components of one size.

The curvature of the response effects is the Laplacian of that graph plus the prior's precision: block diagonal over the
graph's connected components, which are prompts as a rule, and small. Components of one size are inverted as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from torch import Tensor

LARGEST = 2_000
"""Responses in a component that is inverted whole."""
_TOGETHER = 8_192
"""Responses in a block: what lies in memory times the number of features."""


@dataclass(frozen=True)
class Block:
    """Components of one size ``k``; pairs and responses are slices of the sorted ones.

    Attributes:
        pairs: which pairs.
        responses: which responses: ``c`` components of ``k``.
        size: ``k``.
        left: the chosen response of each pair, counted from the block's first.
        right: the rejected one.
    """

    pairs: slice
    responses: slice
    size: int
    left: Int[Tensor, " p"]
    right: Int[Tensor, " p"]

    def inverse(self, curvature: Float[Tensor, " p"], precision: float) -> Float[Tensor, "c k k"]:
        """``(Bᵀ diag(curvature) B + precision I)⁻¹``, where row i of B is +1 at the chosen response and −1 at the rejected."""
        k, count = self.size, self.responses.stop - self.responses.start
        flat = torch.zeros(count * k, dtype=curvature.dtype, device=curvature.device)
        for first, second, sign in ((0, 0, 1.0), (1, 1, 1.0), (0, 1, -1.0), (1, 0, -1.0)):
            row, column = (self.left, self.right)[first], (self.left, self.right)[second]
            flat.index_add_(0, row * k + column % k, sign * curvature)
        blocks = flat.view(-1, k, k)
        blocks.diagonal(dim1=1, dim2=2).add_(precision)
        return torch.cholesky_inverse(torch.linalg.cholesky(blocks))

    def gather(self, values: Float[Tensor, "p ..."]) -> Float[Tensor, "r ..."]:
        """``Bᵀ values``."""
        count = self.responses.stop - self.responses.start
        out = torch.zeros(count, *values.shape[1:], dtype=values.dtype, device=values.device)
        return out.index_add_(0, self.left, values).index_add_(0, self.right, values, alpha=-1.0)

    def spread(self, values: Float[Tensor, "r ..."]) -> Float[Tensor, "p ..."]:
        """``B values``."""
        return values[self.left] - values[self.right]


@dataclass(frozen=True)
class Graph:
    """The blocks, and the orders that make them slices.

    Attributes:
        blocks: all of them.
        pairs: the pairs in the blocks' order, without those that were cut.
        responses: the responses in the blocks' order.
        cut: pairs left out because they joined two parts of a component that had to be divided.
    """

    blocks: list[Block]
    pairs: Int[Tensor, " m"]
    responses: Int[Tensor, " J"]
    cut: int


def graph(chosen: Int[Tensor, " n"], rejected: Int[Tensor, " n"], responses: int, *, largest: int = LARGEST) -> Graph:
    """Finds the components.

    A component of more than ``largest`` responses is divided along its reverse Cuthill–McKee order, in which neighbours lie
    near each other, and the pairs between the parts are left out. That loses what they say, so intervals are wider than they
    need be; to keep them and forget that they share responses would make intervals too narrow.
    """
    left, right = chosen.cpu().numpy(), rejected.cpu().numpy()
    links = csr_array((np.ones(len(left)), (left, right)), shape=(responses, responses))
    count, label = connected_components(links, directed=False)
    for part in np.flatnonzero(np.bincount(label, minlength=count) > largest):
        members = np.flatnonzero(label == part)
        inner = links[members][:, members]
        run = np.arange(len(members)) // largest
        label[members[reverse_cuthill_mckee(csr_array(inner + inner.T), symmetric_mode=True)]] = np.where(run == 0, part, count + run - 1)
        count += run[-1]
    sizes = np.bincount(label, minlength=count)
    order = np.lexsort((label, sizes[label]))
    place = np.empty(responses, dtype=np.int64)
    place[order] = np.arange(responses)
    kept = np.flatnonzero(label[left] == label[right])
    kept = kept[np.argsort(place[left[kept]], kind="stable")]
    left_place, right_place = place[left[kept]], place[right[kept]]
    blocks, device = [], chosen.device
    start = 0
    for size, components in zip(*np.unique(sizes, return_counts=True), strict=True):
        stop, step = start + size * components, size * max(1, _TOGETHER // size)
        for low in range(start, stop, step):
            high = min(low + step, stop)
            a, b = (int(i) for i in np.searchsorted(left_place, (low, high)))
            ends = (torch.from_numpy(place_[a:b] - low).to(device) for place_ in (left_place, right_place))
            blocks.append(Block(slice(a, b), slice(int(low), int(high)), int(size), *ends))
        start = stop
    return Graph(blocks, torch.from_numpy(kept).to(device), torch.from_numpy(order).to(device), len(left) - len(kept))
