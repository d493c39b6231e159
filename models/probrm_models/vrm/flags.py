"""Flags of the variational reward model."""

from probrm.config.flags import Flag, ModelFlags
from probrm.recipes.pairs.flags import EXAMPLE, PAIRS

VRM = ModelFlags(
    "From preference pairs: several objectives, weighted by the prompt (VRM).",
    (
        *PAIRS,
        Flag("selection", "model.selection", "Number of objectives: chosen by cross-validation, several, or one.", "auto|objectives|one"),
        Flag("supervision", "model.supervision.loss", "Loss by which attribute scores supervise the weights.", "kl|mse|rank|none"),
        Flag("lambda", "model.supervision.weight", "Weight of that loss relative to the pairs.", "X", float),
    ),
    example=EXAMPLE,
)
