"""Flags of the implicit model and of the naive model."""

from probrm.config.flags import Flag, ModelFlags
from probrm.recipes.logs.flags import ACTIONS, EXAMPLE, LOG

IMPLICIT = ModelFlags(
    "From a log of actions: what users liked, separated from their propensity to act.",
    (
        *LOG,
        ACTIONS,
        Flag("action", "action.name", "Model of an action given preference and activity: click."),
        Flag(
            "assume",
            "model.assume",
            "Prior knowledge: 'base-rate=0.4±0.1', 'code_block raises propensity' (may be repeated).",
            "TEXT",
            list[str],
            parse=list,
        ),
    ),
    example=f"{EXAMPLE} --derive code_block",
)
NAIVE = ModelFlags("Baseline for logs: the action used as the label, with a Bayesian last layer.", LOG, baseline=True, example=EXAMPLE)
