"""probrm: reward models that know what they don't know.

``probrm.fit("logs.parquet", model="implicit")`` fits, ``probrm.load(run)`` opens a fitted run, ``read_log``, ``read_pairs`` and ``encode`` are
the steps before; everything else lives in the rooms (``probrm.priors``, ``probrm.inference``, …) and in ``probrm_models``.
The import is cheap: torch and Pyro are loaded by the first room that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

__version__ = "0.1.0"

if TYPE_CHECKING:
    from probrm.data import read_log as read_log
    from probrm.data import read_pairs as read_pairs
    from probrm.recipes.fitting import fit as fit
    from probrm.recipes.vectors import encode as encode
    from probrm.runs import load as load

__all__ = ["__version__", "encode", "fit", "load", "read_log", "read_pairs"]

__getattr__ = lazy(__name__, data="read_log read_pairs", runs="load", **{"recipes.fitting": "fit", "recipes.vectors": "encode"})
