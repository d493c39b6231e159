"""How a log of actions is read: flags of every model of one."""

from probrm.config.flags import listing, reading

LOG = (
    *reading("realhumaneval", "prompt=question,action=copied"),
    listing("propensity-features", "data.propensity_features", "Columns that make users act, without making answers better."),
    listing("reward-features", "data.reward_features", "Columns that the reward sees in addition to the text."),
    listing("derive", "data.derive", "Propensity covariates from the text: length,code_block,list,question."),
)
