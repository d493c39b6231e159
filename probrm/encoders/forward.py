"""One pass of a model over rendered texts: batches, memory that runs out, pooling, checks on what comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.encoders.batching import length_sorted_batches, pad_right
from probrm.encoders.config import Pooling
from probrm.encoders.pooling import pool
from probrm.encoders.threads import encoding_threads, thread_count
from probrm.errors import EncoderError

_OUT_OF_MEMORY = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "MPS backend out of memory")
"""Signs of it in errors that have no type of their own."""


class ForwardPass:
    """Runs a model over token ids, and halves its batches where memory runs out.

    Attributes:
        model: any transformer whose output has a ``last_hidden_state``.
        budget: padded tokens in one batch.
    """

    def __init__(self, model: nn.Module, *, pad: int, pooling: Pooling, normalize: bool, budget: int, device: torch.device) -> None:
        self.model = model
        self.budget = budget
        self._pad = pad
        self._pooling: Pooling = pooling
        self._normalize = normalize
        self._device = device

    def __call__(self, sequences: Sequence[Sequence[int]], advance: Callable[[int], None] = lambda n: None) -> Float[Tensor, "n d"]:
        """Vectors of at least one sequence, in their order, float32 on the CPU.

        Raises:
            EncoderError: a vector that is not finite, or too little memory for a single text.
        """
        threads = encoding_threads() if self._device.type == "cpu" else torch.get_num_threads()
        found: Tensor | None = None
        waiting = deque(length_sorted_batches([len(sequence) for sequence in sequences], self.budget))
        with torch.inference_mode(), thread_count(threads):
            while waiting:
                rows = waiting.popleft()
                vectors = self._vectors([sequences[row] for row in rows])
                if vectors is None:
                    waiting = self._halved([rows, *waiting], sequences)
                    continue
                if not torch.isfinite(vectors).all():
                    raise EncoderError(
                        f"the encoder gave a vector that is not finite (NaN or infinite) in {self._dtype()}",
                        fix='use --set encoder.precision="float32"; where that fails too, the model\'s weights are damaged',
                    )
                if found is None:
                    with torch.inference_mode(False):  # a tensor made inside it could not take part in autograd
                        found = torch.empty(len(sequences), vectors.shape[1])
                found[rows] = vectors
                advance(len(rows))
        assert found is not None
        return found

    def _vectors(self, sequences: Sequence[Sequence[int]]) -> Tensor | None:
        """Vectors of one batch; None where memory ran out."""
        ids, mask = (tensor.to(self._device) for tensor in pad_right(sequences, self._pad))
        try:
            hidden = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
            vectors = pool(hidden, mask, self._pooling)
        except RuntimeError as error:  # also the base of torch.OutOfMemoryError
            if isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY):
                return None
            raise
        return (torch.nn.functional.normalize(vectors, dim=1) if self._normalize else vectors).cpu()

    def _halved(self, batches: Sequence[Sequence[int]], sequences: Sequence[Sequence[int]]) -> deque[list[int]]:
        """The batches planned again at half the budget."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(batches[0]) == 1:
            raise EncoderError(
                f"not enough memory on {self._device} to encode a single text of {len(sequences[batches[0][0]])} tokens",
                fix="use a smaller encoder, a smaller --set encoder.max_length, or --device cpu",
            )
        failed = len(batches[0]) * len(sequences[batches[0][0]])
        self.budget = max(1, min(self.budget, failed) // 2)
        rows = [row for batch in batches for row in batch]
        plan = length_sorted_batches([len(sequences[row]) for row in rows], self.budget)
        return deque([rows[at] for at in batch] for batch in plan)

    def _dtype(self) -> str:
        return str(next(self.model.parameters()).dtype).removeprefix("torch.")
