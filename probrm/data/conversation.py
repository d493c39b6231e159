"""One prompt with one response: what an encoder gets, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass

Messages = list[dict[str, str]]
"""The chat form: ``[{"role": "user", "content": "…"}, …]``, oldest first."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and the response to it. Hashable, so that equal ones are encoded once.

    Attributes:
        prompt: plain text, or ``((role, content), …)`` in the chat form, oldest first, without the response.
        response: the answer's text.
    """

    prompt: tuple[tuple[str, str], ...] | str
    response: str

    @property
    def prompt_text(self) -> str:
        """The prompt as plain text: rows with the same one are answers to the same prompt.

        A chat of a single user message reads as that message, so it falls together with the same prompt given as text.
        """
        if isinstance(self.prompt, str):
            return self.prompt
        if len(self.prompt) == 1 and self.prompt[0][0] == "user":
            return self.prompt[0][1]
        return "\n\n".join(f"{role}: {content}" for role, content in self.prompt)

    @property
    def prompt_messages(self) -> Messages:
        """The prompt in the chat form; a plain text is one user message."""
        if isinstance(self.prompt, str):
            return [{"role": "user", "content": self.prompt}]
        return [{"role": role, "content": content} for role, content in self.prompt]
