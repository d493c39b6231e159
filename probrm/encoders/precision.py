"""Which floating-point type encodes fastest on a device, and how far it is from float32."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.errors import ConfigError

AGREEMENT = 0.999
"""Least cosine similarity to float32, over every probe text, for a shorter type to be used."""

PROBES: tuple[Conversation, ...] = (
    Conversation("What is 17 + 25?", "17 + 25 = 42"),
    Conversation("How many metres are 3 km?", "3000"),
    Conversation("Write a function that reverses a string.", "def reverse(text: str) -> str:\n    return text[::-1]"),
    Conversation("Is it safe to mix bleach and vinegar?", "No. They react to chlorine gas, which is poisonous even in small amounts."),
    Conversation("Summarise: Anna asked Ben to bring bread; he forgot.", "Ben forgot the bread that Anna had asked him for."),
    Conversation("Hi", "Hello! What can I do for you today?"),
    Conversation("Translate 'good morning' into French.", "Bonjour"),
    Conversation("Why is the sky blue? " * 6, "Air scatters short wavelengths more strongly than long ones. " * 8),
)
"""Looked at where no texts of the user's own are at hand."""

_SIXTEEN_BIT_FLAGS = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}


def find_device(name: str) -> torch.device:
    """A device by its name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ConfigError: this machine has none such.
    """
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(f"device '{name}' is not available on this machine", fix="use --device cpu, or --device auto") from None
    return device


def candidate(device: torch.device) -> torch.dtype:
    """The fastest type that a device computes in natively; float32 where nothing shorter is faster."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 matrices in hardware; without that float32 is faster."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        return any(capabilities().get(flag, False) for flag in _SIXTEEN_BIT_FLAGS)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    return any(_SIXTEEN_BIT_FLAGS & set(line.split()) for line in lines if line.startswith(("flags", "Features")))


def agrees(reference: Float[Tensor, "n d"], shorter: Float[Tensor, "n d"]) -> bool:
    """Whether every vector points where its float32 one does, to a cosine of ``AGREEMENT``."""
    return bool((torch.nn.functional.cosine_similarity(reference.double(), shorter.double(), dim=1) > AGREEMENT).all())
