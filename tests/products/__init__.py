"""One synthetic log, and how each product writes it: made from the products' published schemas.

The log is a list of ``Shown``: one answer each, in the order in which it was shown. ``RENDER[name](log, folder)`` writes the export
of a product into a folder and gives what ``--data`` names. Chats have one turn each, so that every product can say them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.products.chat_exports import anythingllm, assistant_ui, fastchat, librechat, openwebui_chats, openwebui_feedback
from tests.products.langfuse_exports import langfuse, langfuse_legacy, langfuse_observations, langfuse_scores, langfuse_v3
from tests.products.log import Rows, Shown, as_csv, lines, listed, parquet, plain, synthetic_log
from tests.products.tracing_exports import helicone, langsmith, langsmith_feedback, langsmith_runs, litellm, phoenix, phoenix_frames

__all__ = [
    "RENDER",
    "Rows",
    "Shown",
    "anythingllm",
    "as_csv",
    "assistant_ui",
    "fastchat",
    "helicone",
    "langfuse",
    "langfuse_legacy",
    "langfuse_observations",
    "langfuse_scores",
    "langfuse_v3",
    "langsmith",
    "langsmith_feedback",
    "langsmith_runs",
    "librechat",
    "lines",
    "listed",
    "litellm",
    "openwebui_chats",
    "openwebui_feedback",
    "parquet",
    "phoenix",
    "phoenix_frames",
    "plain",
    "synthetic_log",
]

RENDER: dict[str, Callable[[Sequence[Shown], Path], str]] = {
    "langfuse": langfuse,
    "langfuse parquet": lambda log, folder: langfuse(log, folder, parquet, "parquet"),
    "langfuse csv": lambda log, folder: langfuse(log, folder, as_csv, "csv"),
    "langfuse legacy": langfuse_legacy,
    "langfuse v3": langfuse_v3,
    "langsmith": langsmith,
    "langsmith feedback": langsmith_feedback,
    "phoenix": phoenix,
    "phoenix frames": phoenix_frames,
    "helicone": helicone,
    "litellm": litellm,
    "openwebui-feedback": openwebui_feedback,
    "openwebui-chats": openwebui_chats,
    "librechat": librechat,
    "assistant-ui": assistant_ui,
    "fastchat": fastchat,
    "anythingllm": anythingllm,
}
"""Every product's export of the same log; the first word is the preset."""
