"""``probrm fit MODEL``: one command for every model that is installed, this package's and others'."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from probrm_cli.fit.flags import COMMON, MODELS, OTHER, Flag, Request


class Models(TyperGroup):
    """The models with flags of their own, then whatever else is registered as a recipe; none is imported for its help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the models."""
        return [*self.commands, *(name for name in _installed() if name not in self.commands)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one model."""
        if cmd_name in self.commands or cmd_name not in _installed():
            return super().get_command(ctx, cmd_name)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(command(cmd_name, "Model of another package; --set gives its own settings.", OTHER))
        return typer.main.get_command(alone)


def _installed() -> list[str]:
    from probrm.runs import recipe_names

    return recipe_names()


def command(kind: str, about: str, flags: Sequence[Flag]) -> Callable[..., None]:
    """The function that fits one model, with the signature that typer makes flags of."""
    flags = (*flags, *COMMON)
    asked = [field.replace(kind=inspect.Parameter.KEYWORD_ONLY) for field in inspect.signature(Request, eval_str=True).parameters.values()]
    asked = asked[2:]  # without the model and its settings, which are not flags

    def fit(**given: Any) -> None:
        from probrm.config import merge, nested
        from probrm_cli.fit.run import fit_model

        settings: dict[str, Any] = {}
        for flag in flags:
            if (value := given.pop(flag.key)) is not None:
                settings = merge(settings, nested(flag.setting.split("."), flag.parse(value)))
        fit_model(Request(kind, settings, **given))

    fit.__signature__ = inspect.Signature([*asked[:2], *(flag.parameter() for flag in flags), *asked[2:]])  # type: ignore[attr-defined]
    fit.__doc__ = about
    return fit


fit_app = typer.Typer(cls=Models, help="Fit a model to a file of actions or of pairs.", no_args_is_help=True)
for _kind, (_about, _flags) in MODELS.items():
    fit_app.command(_kind)(command(_kind, _about, _flags))
