"""How preference pairs are read: flags of every model of them."""

from probrm.config.flags import Flag, listing, parse_choices, reading
from probrm.data.pairs.formats import PRESETS

EXAMPLE = "--data examples/pairs.parquet"
"""Of a fit that runs in a clone."""
PAIRS = (
    *reading(", ".join(PRESETS), "prompt=question,chosen=better"),
    listing(
        "attributes", "data.attributes", "Columns of ratings, - where lower is better: helpfulness,-toxicity (default: known ratings)."
    ),
    Flag(
        "choices",
        "data.choices",
        "What the values of a choice mean: first=1,second=2,tie=0.",
        "first=V,second=V,tie=V",
        parse=parse_choices,
    ),
    Flag("certificate", "model.certificate", "PAC-Bayes bounds on the error, for thousands of pairs.", type=bool),
    Flag("ties", "data.ties", "Pairs without a winner: left out, or modelled (Davidson 1970).", "drop|davidson"),
    Flag("min-difference", "data.min_difference", "Pairs made from ratings that differ by less are ties.", "X", float),
)
