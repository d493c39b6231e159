"""The flags of ``probrm fit``, model by model: which setting each one gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter
from keyword import iskeyword
from typing import Annotated, Any

import typer

from probrm_cli.flags import Data, Embeddings, Json, Quiet, parse_columns, parse_list


@dataclass(frozen=True)
class Flag:
    """A flag that stands for one setting.

    Attributes:
        name: as it is typed, without the dashes.
        setting: where its value goes, ``data.preset``.
        help: one line.
        metavar: what stands for the value in the help.
        type: of the value.
        parse: from the value to the setting; it may raise ``ConfigError``.
    """

    name: str
    setting: str
    help: str
    metavar: str | None = None
    type: Any = str
    parse: Callable[[Any], Any] = lambda value: value

    @property
    def key(self) -> str:
        """The name as Python's."""
        name = self.name.replace("-", "_")
        return f"{name}_" if iskeyword(name) else name

    def parameter(self) -> Parameter:
        """As typer reads it from a function's signature."""
        option = typer.Option(None, f"--{self.name}", metavar=self.metavar, help=self.help)
        return Parameter(self.key, Parameter.KEYWORD_ONLY, default=option, annotation=self.type | None)


def reading(presets: str, columns: str) -> tuple[Flag, ...]:
    """How the file is read: which presets there are, and an example of columns."""
    return (
        Flag("preset", "data.preset", f"The form of a published file: {presets}."),
        Flag("columns", "data.columns", f"Where the file calls things otherwise: {columns}.", "NAME=COLUMN,…", parse=parse_columns),
    )


def listing(name: str, setting: str, help: str) -> Flag:
    """A flag whose value is a list of names."""
    return Flag(name, setting, help, "A,B", parse=parse_list)


LOG = (
    *reading("realhumaneval", "prompt=question,action=copied"),
    listing("propensity-features", "data.propensity_features", "Columns that make users act, without making answers better."),
    listing("reward-features", "data.reward_features", "Columns that the reward sees beside the text."),
    listing("derive", "data.derive", "Propensity covariates from the text: length,code_block,list,question."),
)
"""How a log of actions is read, for every model of one."""

_PAIRS = reading("trl, ultrafeedback-binarized, ultrafeedback, helpsteer, safe-rlhf", "prompt=question,chosen=better")
_TIES = (
    Flag("ties", "data.ties", "Pairs without a winner: left out, or modelled (Davidson 1970).", "drop|davidson"),
    Flag("min-difference", "data.min_difference", "Pairs made from ratings that differ by less are ties.", "X", float),
)

MODELS: dict[str, tuple[str, tuple[Flag, ...]]] = {
    "implicit": (
        "Reward model from logged actions: what users liked, told apart from who acts at all.",
        (
            *LOG,
            listing(
                "actions", "data.actions", "Several actions, - against the answer: copied,-regenerated,rating:ordinal,dwell:log-normal."
            ),
            Flag("action", "action.name", "How preference and activity become an action: click."),
            Flag(
                "assume",
                "model.assume",
                "What is known beside the log: 'base-rate=0.4±0.1', 'code_block raises propensity' (may be repeated).",
                "TEXT",
                list[str],
                parse=list,
            ),
        ),
    ),
    "vrm": (
        "Variational reward model from pairs: what a prompt asks for (weights of objectives), and how well each answer does it.",
        (
            *_PAIRS,
            listing(
                "attributes", "data.attributes", "Objectives that have scores in the file, in this order (default: all that are found)."
            ),
            *_TIES,
            Flag("supervision", "model.supervision.loss", "How attribute scores teach the weights.", "kl|mse|rank|none"),
            Flag("lambda", "model.supervision.weight", "How much they count beside the pairs.", "X", float),
        ),
    ),
    "bradley-terry": ("Bradley–Terry reward model from pairs: one reward an answer, with a Bayesian last layer.", (*_PAIRS, *_TIES)),
    "naive": ("Baseline on logged actions: the action taken for the label; Bayesian.", LOG),
    "ips": ("Baseline on logged actions: inverse propensity scoring.", LOG),
    "doubly-robust": ("Baseline on logged actions: clipped inverse propensities and an imputation model.", LOG),
    "upu": ("Baseline on logged actions: unbiased learning from positive and unlabelled rows.", LOG),
    "nnpu": ("Baseline on logged actions: the same with a non-negative risk.", LOG),
    "sar-em": ("Baseline on logged actions: EM over preference; covariates and users tell the propensity.", LOG),
    "recrec": ("Baseline on logged actions: EM over preference and activity on shared features.", LOG),
    "rel-mf": ("Baseline on logged actions: Rel-MF's clipped inverse propensities.", LOG),
    "unbiased-bpr": ("Baseline on logged actions: unbiased pairwise ranking.", LOG),
}
"""Line of help and flags of the models that have flags of their own."""

OTHER = reading("as its model names them", "prompt=question,response=answer")
"""Flags of a model from another package; ``--set`` gives the rest of its settings."""

COMMON = (
    Flag("encoder", "encoder.name", "Transformer that encodes the texts (default: all-MiniLM-L6-v2).", "ID|PATH"),
    Flag("guide", "guide.name", "auto-normal, low-rank, full-rank, delta, amortised."),
    Flag("inference", "inference.name", "svi, laplace, nuts."),
    Flag("starts", "starts", "Places that the search begins at (default: 3; 1 for pairs).", type=int),
    Flag("seed", "seed", "Of all random numbers (default: 0).", type=int),
    Flag("device", "device", "auto, cpu, cuda."),
)
"""Settings of every fit."""


@dataclass(frozen=True)
class Request:
    """What one fit is asked for: the model, its settings in the shape of the TOML file, and the flags that are no settings."""

    kind: str
    settings: Mapping[str, Any]
    data: Data
    out: Annotated[str | None, typer.Option("--out", metavar="RUN", help="Folder of the run (default: a new one under runs/).")] = None
    embeddings: Embeddings = None
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting: inference.max_steps=500.")] = None
    config: Annotated[str | None, typer.Option("--config", metavar="FILE.toml", help="Settings; flags and --set go before it.")] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that --out holds.")] = False
    resume: Annotated[bool, typer.Option("--resume", help="Keep training states beside the run while fitting, and go on from them.")] = (
        False
    )
    quiet: Quiet = False
    as_json: Json = False
