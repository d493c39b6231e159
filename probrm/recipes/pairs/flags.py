"""How preference pairs are read: flags of every model of them."""

from probrm.config.flags import Flag, reading

PAIRS = (
    *reading("trl, ultrafeedback-binarized, ultrafeedback, helpsteer, safe-rlhf", "prompt=question,chosen=better"),
    Flag("certificate", "model.certificate", "PAC-Bayes bounds on the error, for thousands of pairs.", type=bool),
    Flag("ties", "data.ties", "Pairs without a winner: left out, or modelled (Davidson 1970).", "drop|davidson"),
    Flag("min-difference", "data.min_difference", "Pairs made from ratings that differ by less are ties.", "X", float),
)
