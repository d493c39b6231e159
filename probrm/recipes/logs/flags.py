"""How a log of actions is read: flags of every model of one."""

from probrm.config.flags import Flag, listing, parse_values, reading

EXAMPLE = "--data examples/log.parquet --propensity-features surface,position"
"""Of a fit that runs in a clone."""
LOG = (
    *reading("realhumaneval, or a product's export (docs/your_data_logs.md)", "prompt=question,action=copied"),
    Flag("values", "data.values", "What values of actions and labels mean: up=1,down=0,null=0.", "VALUE=NUMBER,…", parse=parse_values),
    Flag("missing-action", "data.missing_action", "0: a missing action means no action.", "0"),
    Flag("feedback", "data.feedback", "A file of feedback that is joined to a log of exposures.", "FILE"),
    Flag("on", "data.on", "The key of that join: request_id.", "KEY"),
    Flag(
        "labels", "data.labels", "A file of labels of the log's answers, as annotators gave them: what `probrm acquire` asked for.", "FILE"
    ),
    Flag(
        "label-false-means",
        "data.label_false_means",
        "What false means in TRL's prompt, completion, label: the answer is bad, or nobody acted.",
        "negative|no-action",
    ),
    listing("propensity-features", "data.propensity_features", "Columns that make users act, without making answers better."),
    listing("reward-features", "data.reward_features", "Columns that the reward sees in addition to the text."),
    listing("derive", "data.derive", "Propensity covariates from the text: length,code_block,list,question."),
)

ACTIONS = listing("actions", "data.actions", "Several actions, - against the answer: copied,-regenerated,rating:ordinal,dwell:log-normal.")
"""Of models that know several actions a row."""
