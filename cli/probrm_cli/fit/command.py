"""``probrm fit MODEL``: one command for every model that is installed, this package's and others'."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from probrm.config.flags import Flag
from probrm.data.files.hints import did_you_mean
from probrm.errors import ConfigError
from probrm_cli.fit.flags import COMMON, Request, model_flags, parameter


class Models(TyperGroup):
    """Whatever is registered as a recipe, with the flags that it registers; no recipe is imported for its help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the models, baselines last."""
        from probrm.runs import recipe_names

        return sorted(recipe_names(), key=lambda name: (model_flags(name).baseline, name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one model.

        Raises:
            ConfigError: no such model is installed.
        """
        if cmd_name not in (names := self.list_commands(ctx)):
            raise ConfigError(
                f"probrm fit: unknown model {cmd_name!r}; installed: {', '.join(names) or 'none'}",
                fix=f"{did_you_mean(cmd_name, names) or 'name one of them;'} probrm fit --help says what each is",
            )
        alone, found = typer.Typer(add_completion=False), model_flags(cmd_name)
        alone.command(cmd_name, epilog=f"Example: probrm fit {cmd_name} {found.example}" if found.example else None)(
            command(cmd_name, found.about, found.flags)
        )
        return typer.main.get_command(alone)


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

    fit.__signature__ = inspect.Signature([*asked[:2], *(parameter(flag) for flag in flags), *asked[2:]])  # type: ignore[attr-defined]
    fit.__doc__ = about
    return fit


fit_app = typer.Typer(cls=Models, help="Fit a reward model to a log of actions or to preference pairs.", no_args_is_help=True)
