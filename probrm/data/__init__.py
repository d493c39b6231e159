"""Logs of user actions: reading, checking, covariates and splits.

Names are loaded on first use, so importing the room costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probrm.data.batch import Batch
    from probrm.data.conversation import Conversation, Messages
    from probrm.data.features import FeatureMap
    from probrm.data.log import Log, LogSpec, read_log
    from probrm.data.split import Split, split_rows
    from probrm.data.tables import file_hash, read_table, write_table
    from probrm.data.writing import check_target

__all__ = [
    "Batch",
    "Conversation",
    "FeatureMap",
    "Log",
    "LogSpec",
    "Messages",
    "Split",
    "check_target",
    "file_hash",
    "read_log",
    "read_table",
    "split_rows",
    "write_table",
]

_HOME = {
    "Batch": "batch",
    "Conversation": "conversation",
    "FeatureMap": "features",
    "Log": "log",
    "LogSpec": "log",
    "Messages": "conversation",
    "Split": "split",
    "check_target": "writing",
    "file_hash": "tables",
    "read_log": "log",
    "read_table": "tables",
    "split_rows": "split",
    "write_table": "tables",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
