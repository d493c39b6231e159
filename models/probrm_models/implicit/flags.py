"""Flags of the implicit model and of the naive model."""

from probrm.config.flags import Flag, ModelFlags
from probrm.recipes.logs.flags import ACTIONS, LOG

IMPLICIT = ModelFlags(
    "Reward model from logged actions: what users liked, separated from who acts at all.",
    (
        *LOG,
        ACTIONS,
        Flag("action", "action.name", "How preference and activity become an action: click."),
        Flag(
            "assume",
            "model.assume",
            "What is known in addition to the log: 'base-rate=0.4±0.1', 'code_block raises propensity' (may be repeated).",
            "TEXT",
            list[str],
            parse=list,
        ),
    ),
)
NAIVE = ModelFlags("Baseline on logged actions: the action taken for the label; Bayesian.", LOG, baseline=True)
