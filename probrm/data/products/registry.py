"""The products whose exports are read; each is imported only when a source is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from probrm.data.products.product import Peek, Product
from probrm.data.products.records import peek
from probrm.data.products.shape import UNSHAPED
from probrm.errors import DataError

PRODUCTS: Mapping[str, str] = {
    "langfuse": "langfuse",
    "langsmith": "langsmith",
    "phoenix": "phoenix",
    "helicone": "helicone",
    "openwebui-feedback": "openwebui",
    "openwebui-chats": "openwebui",
    "librechat": "librechat",
    "assistant-ui": "assistant_ui",
    "fastchat": "fastchat",
    "litellm": "litellm",
    "anythingllm": "anythingllm",
    "argilla": "argilla",
    "label-studio": "label_studio",
}
"""What ``--preset`` can name → the module that reads it."""


def product(name: str) -> Product:
    """The product of this name."""
    found: dict[str, Product] = import_module(f"probrm.data.products.{PRODUCTS[name]}").FOUND
    return found[name]


def recognise(source: str) -> Product | None:
    """The product whose export a source is without doubt; None where it is none, or could be several."""
    seen = peek(source)
    return None if seen is None else among(seen)


def among(seen: Peek) -> Product | None:
    """The one product that recognises what was seen; a table with a log's own columns is that log."""
    if seen.has("prompt", "response", "action") or seen.has("messages", "action"):
        return None
    found = [one for name in PRODUCTS if _is(one := product(name), seen)]
    return found[0] if len(found) == 1 else None


def _is(one: Product, seen: Peek) -> bool:
    try:
        return one.recognises(seen)
    except UNSHAPED:  # a text where the product writes an object, or the like
        return False


def chosen(name: str, source: str) -> Product:
    """The product that was named.

    Raises:
        DataError: the source is the export of another one without doubt.
    """
    named, found = product(name), recognise(source)
    if found is not None and found.name != name:
        raise DataError(
            f"{source}: it is named as {named.title}, and looks like {found.title}",
            fix=f"read it with --preset {found.name}, or leave --preset out",
        )
    return named
