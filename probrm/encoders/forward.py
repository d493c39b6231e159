"""One pass of a model over rendered texts: batches, memory that runs out, pooling, checks on what comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.encoders.batching import length_sorted_batches, pad_right
from probrm.encoders.config import Pooling
from probrm.encoders.depth import Depth
from probrm.encoders.pooling import pool
from probrm.encoders.rendering import Rendered
from probrm.encoders.threads import encoding_threads, thread_count
from probrm.errors import EncoderError

_OUT_OF_MEMORY = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "MPS backend out of memory")
"""Signs of it in errors that have no type of their own."""

Layers = tuple[int | None, ...]
"""Numbers of hidden states, None for the last."""


class ForwardPass:
    """Runs a model over token ids, and halves its batches where memory runs out.

    Attributes:
        depth: the model, block by block.
        layer: whose hidden states become vectors; None for the last.
        prompt_layer: the same for prompts without a response.
        budget: padded tokens in one batch.
    """

    def __init__(self, model: nn.Module, *, pad: int, pooling: Pooling, normalize: bool, budget: int, device: torch.device) -> None:
        self.depth = Depth(model)
        self.layer: int | None = None
        self.prompt_layer: int | None = None
        self.budget = budget
        self._pad = pad
        self._pooling: Pooling = pooling
        self._normalize = normalize
        self._device = device

    @property
    def model(self) -> nn.Module:
        """The model."""
        return self.depth.model

    def __call__(self, texts: Sequence[Rendered], advance: Callable[[int], None] = lambda n: None) -> Float[Tensor, "n d"]:
        """Vectors of at least one text, in their order, float32 on the CPU.

        Raises:
            EncoderError: a vector that is not finite, or too little memory for a single text.
        """
        return self._run(texts, [(self.prompt_layer if text.prompt_only else self.layer,) for text in texts], advance)[0]

    def every_layer(self, texts: Sequence[Rendered], advance: Callable[[int], None] = lambda n: None) -> Float[Tensor, "l n d"]:
        """Vectors of all layers from one pass, the token embeddings' first; only the last one's where blocks cannot be distinguished.

        Raises:
            EncoderError: as a call.
        """
        layers: Layers = (*range(self.depth.last or 0), None)
        return self._run(texts, [layers] * len(texts), advance)

    def _run(self, texts: Sequence[Rendered], layers: Sequence[Layers], advance: Callable[[int], None]) -> Tensor:
        threads = encoding_threads() if self._device.type == "cpu" else torch.get_num_threads()
        found: Tensor | None = None
        waiting = self._planned(range(len(texts)), texts, layers)
        with torch.inference_mode(), thread_count(threads):
            while waiting:
                rows = waiting.popleft()
                vectors = self._vectors([texts[row] for row in rows], layers[rows[0]])
                if vectors is None:
                    self._halve([texts[row] for row in rows])
                    waiting = self._planned([row for batch in (rows, *waiting) for row in batch], texts, layers)
                    continue
                if not torch.isfinite(vectors).all():
                    raise EncoderError(
                        f"the encoder gave a vector that is not finite (NaN or infinite) in {self._dtype()}",
                        fix='use --set encoder.precision="float32"; where that fails too, the model\'s weights are damaged',
                    )
                if found is None:
                    with torch.inference_mode(False):  # a tensor made inside it could not take part in autograd
                        found = torch.empty(len(vectors), len(texts), vectors.shape[2])
                found[:, rows] = vectors
                advance(len(rows))
        assert found is not None
        return found

    def _planned(self, rows: Iterable[int], texts: Sequence[Rendered], layers: Sequence[Layers]) -> deque[list[int]]:
        """Batches of rows that need the same layers: a shallow one must not wait for a deep one."""
        groups: dict[Layers, list[int]] = {}
        for row in rows:
            groups.setdefault(layers[row], []).append(row)
        plans = ((group, length_sorted_batches([len(texts[row]) for row in group], self.budget)) for group in groups.values())
        return deque([group[at] for at in batch] for group, plan in plans for batch in plan)

    def _vectors(self, texts: Sequence[Rendered], layers: Layers) -> Tensor | None:
        """Vectors of one batch, ``(l, b, d)``; None where memory ran out."""
        ids, mask = (tensor.to(self._device) for tensor in pad_right([text.ids for text in texts], self._pad))
        pooled = mask
        if self._pooling == "response":
            pooled = pad_right([text.text for text in texts], False)[0].bool().to(self._device)
        try:
            states = self.depth.states(layers, input_ids=ids, attention_mask=mask.long())
            vectors = torch.stack([pool(state, pooled, self._pooling) for state in states])
        except RuntimeError as error:  # also the base of torch.OutOfMemoryError
            if isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in _OUT_OF_MEMORY):
                return None
            raise
        return (torch.nn.functional.normalize(vectors, dim=2) if self._normalize else vectors).cpu()

    def _halve(self, texts: Sequence[Rendered]) -> None:
        """Half the budget, after a batch that did not fit; its first text is its longest."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(texts) == 1:
            raise EncoderError(
                f"not enough memory on {self._device} to encode a single text of {len(texts[0])} tokens",
                fix="use a smaller encoder, a smaller --set encoder.max_length, or --device cpu",
            )
        self.budget = max(1, min(self.budget, len(texts) * len(texts[0])) // 2)

    def _dtype(self) -> str:
        return str(next(self.model.parameters()).dtype).removeprefix("torch.")
