"""Flags of the variational reward model."""

from probrm.config.flags import Flag, ModelFlags
from probrm.recipes.pairs.flags import EXAMPLE, PAIRS

VRM = ModelFlags(
    "From preference pairs: several objectives, weighted by the prompt (VRM).",
    (
        *PAIRS,
        Flag("selection", "model.selection", "Several objectives where they predict better, or as you say.", "auto|objectives|one"),
        Flag("supervision", "model.supervision.loss", "How attribute scores teach the weights.", "kl|mse|rank|none"),
        Flag("lambda", "model.supervision.weight", "How much they count in addition to the pairs.", "X", float),
    ),
    example=EXAMPLE,
)
