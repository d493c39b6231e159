"""What is asked of a guide that a user brings along, before any step is taken with it."""

from __future__ import annotations

from typing import Any

import pyro
from pyro import poutine
from pyro.nn import PyroModule
from torch import nn

from probrm.coordinates.layout import Layout
from probrm.coordinates.sites import global_latents
from probrm.data.batch import Batch
from probrm.errors import ConfigError


def adopt(guide: Any, layout: Layout, batch: Batch) -> None:
    """Runs a user's guide once, so that a lazy one makes its parameters, and checks what it issues.

    Raises:
        ConfigError: it misses a global site of the model, issues another one, or one of another shape.
    """
    if isinstance(guide, nn.Module):
        for module in guide.modules():
            # A PyroModule that was made outside module_local_params has no place for its parameters yet.
            if isinstance(module, PyroModule) and not hasattr(module._pyro_context, "param_state"):
                module._pyro_context.param_state = {"params": {}, "constraints": {}}
    with pyro.get_param_store().scope():  # what a plain function leaves in the store would be found by the next one
        trace = poutine.trace(guide).get_trace(batch)
    found = {name: tuple(site["value"].shape) for name, site in global_latents(trace).items()}
    wanted = {site.name: site.shape for site in layout.sites}
    if found == wanted:
        return
    wrong = [f"{name!r} is missing" for name in wanted if name not in found]
    wrong += [f"{name!r} is no site of the model" for name in found if name not in wanted]
    wrong += [f"{name!r} has shape {found[name]}, not {shape}" for name, shape in wanted.items() if found.get(name, shape) != shape]
    raise ConfigError(
        f"the guide's sites are not those of the model: {'; '.join(wrong)}",
        fix=f"issue pyro.sample sites {', '.join(f'{name} {shape}' for name, shape in wanted.items())}; "
        'mark helpers of its own with infer={"is_auxiliary": True}',
    )
