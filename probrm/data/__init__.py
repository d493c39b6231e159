"""Logs of user actions and preference pairs: reading, checking, covariates and splits.

Names are loaded on first use, so importing the room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.data.batch import Batch
    from probrm.data.conversation import Conversation, Messages
    from probrm.data.covariates.encoding import FeatureMap
    from probrm.data.files.tables import file_hash, read_table, write_table
    from probrm.data.files.writing import check_target
    from probrm.data.logs.log import Log, LogSpec, read_log
    from probrm.data.pairs.formats import holds_pairs
    from probrm.data.pairs.read import Pairs, PairSpec, read_pairs
    from probrm.data.split import Split, split_rows

__all__ = [
    "Batch",
    "Conversation",
    "FeatureMap",
    "Log",
    "LogSpec",
    "Messages",
    "PairSpec",
    "Pairs",
    "Split",
    "check_target",
    "file_hash",
    "holds_pairs",
    "read_log",
    "read_pairs",
    "read_table",
    "split_rows",
    "write_table",
]

__getattr__ = lazy(
    __name__,
    batch="Batch",
    conversation="Conversation Messages",
    split="Split split_rows",
    **{
        "covariates.encoding": "FeatureMap",
        "files.tables": "file_hash read_table write_table",
        "files.writing": "check_target",
        "logs.log": "Log LogSpec read_log",
        "pairs.formats": "holds_pairs",
        "pairs.read": "PairSpec Pairs read_pairs",
    },
)
