"""The default encoder's tokenizer without its model: the same tokens at a hundredth of the time to load."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probrm.encoders.resolving import DEFAULT_HUB_ID, offline_folder


class TokenizerAlone:
    """What :class:`probrm.encoders.rendering.Renderer` asks of a tokenizer of transformers, from ``tokenizers`` alone.

    Attributes:
        chat_template: none: the default encoder lays prompt and response out as a pair.
        sep_token_id: of the token between a pair.
        eos_token_id: of the token at the end of a text; None without.
    """

    chat_template = None

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.sep_token_id, self.eos_token_id = (self._id(named.get(f"{name}_token")) for name in ("sep", "eos"))

    def _id(self, token: Any) -> int | None:
        token = token.get("content") if isinstance(token, dict) else token
        return None if token is None else self._tokenizer.token_to_id(token)

    def __call__(
        self,
        text: str | Sequence[str],
        pair: str | None = None,
        *,
        add_special_tokens: bool = True,
        split_special_tokens: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        """``input_ids`` of a text, of a pair of texts, or of a list of texts; never cut, never padded."""
        self._tokenizer.encode_special_tokens = split_special_tokens
        if isinstance(text, str):
            return {"input_ids": self._tokenizer.encode(text, pair, add_special_tokens=add_special_tokens).ids}
        found = self._tokenizer.encode_batch_fast(list(text), add_special_tokens=add_special_tokens)
        return {"input_ids": [one.ids for one in found]}


def tokenizer_alone() -> TokenizerAlone | None:
    """That of the default encoder; None where it is neither installed nor in the cache of downloads."""
    folder = offline_folder()
    if folder is None:
        from huggingface_hub import try_to_load_from_cache

        files = [try_to_load_from_cache(DEFAULT_HUB_ID, name) for name in ("tokenizer.json", "tokenizer_config.json")]
        if not all(isinstance(file, str) for file in files):
            return None
        folder = Path(str(files[0])).parent
    return TokenizerAlone(folder)
