"""Hidden states between the blocks of a transformer, whatever its architecture, and no block run in vain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from probrm.errors import EncoderError


class _Reached(Exception):
    """The deepest state that was asked for is there: the blocks after it need not run."""


def find_blocks(model: nn.Module) -> nn.ModuleList | None:
    """The list of a model's blocks, by its length; None where no list, or more than one, is as long as the model is deep."""
    config = getattr(model, "config", None)
    depth = getattr(config.get_text_config(), "num_hidden_layers", None) if config is not None else None
    lists = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == depth}
    # A block may hold a list of that length itself (T5's two sublayers).
    outer = [module for name, module in lists.items() if not any(name.startswith(f"{other}.") for other in lists)]
    return outer[0] if len(outer) == 1 else None


class Depth:
    """A model with its blocks counted: state 0 is what the first block gets, state k what comes out of block k.

    The state after the last block is ``last_hidden_state``, the final norm included where the model has one. The others are
    read as the input of the block that follows, so what a model does between two blocks is part of them, as in
    ``output_hidden_states``.

    Attributes:
        model: any transformer whose output has a ``last_hidden_state``.
        blocks: in their order; None where they cannot be distinguished.
        last: how many blocks there are, the number of the last state; None where they cannot be distinguished.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.blocks = find_blocks(model)
        self.last: int | None = None if self.blocks is None else len(self.blocks)
        self._dropped_after: int | None = None

    def states(self, layers: Sequence[int | None], **inputs: Tensor) -> list[Tensor]:
        """The hidden states ``(b, t, d)`` numbered ``layers``, None for the last; the model runs no further than the deepest.

        Raises:
            EncoderError: a state of another shape: the architecture keeps something else between its blocks.
        """
        if self._dropped_after is not None:
            assert all(layer is not None and layer <= self._dropped_after for layer in layers), "the blocks of this layer were dropped"
        found: dict[int | None, Any] = {}
        inner = sorted(layer for layer in set(layers) if layer is not None)
        hooks = [self._watch(layer, found, stop=layer == inner[-1] and None not in layers) for layer in inner]
        try:
            found[None] = self.model(**inputs).last_hidden_state
        except _Reached:
            pass
        finally:
            for remove in hooks:
                remove()
        states = [found[layer] for layer in layers]
        for layer, state in zip(layers, states, strict=True):
            if not isinstance(state, Tensor) or state.dim() != 3 or state.shape[:2] != inputs["input_ids"].shape:
                raise EncoderError(
                    f"layer {layer} of a {type(self.model).__name__} is not one vector for each token; this architecture can be read "
                    "at its last layer only",
                    fix='encoder.layer = "last"',
                )
        return states

    def drop_after(self, layer: int) -> None:
        """Forget the blocks that state ``layer`` does not need, and their memory; the first of them stays as a place to stop at."""
        assert self.blocks is not None
        self._dropped_after = layer if self._dropped_after is None else min(layer, self._dropped_after)
        del self.blocks[self._dropped_after + 1 :]

    def _watch(self, layer: int, found: dict[int | None, Any], *, stop: bool) -> Callable[[], None]:
        assert self.blocks is not None

        def look(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found[layer] = args[0] if args else kwargs.get("hidden_states")
            if stop:
                raise _Reached

        return self.blocks[layer].register_forward_pre_hook(look, with_kwargs=True).remove
