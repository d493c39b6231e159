from __future__ import annotations

import platform

import torch

from probrm.runs.versions import versions


def test_versions() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert {"probrm", "pyro-ppl", "transformers", "arviz"} <= found.keys()
