"""What to look at before a fit, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probrm.data.exposures import Exposures

_RARE = 50
"""Actions below which a reward has little to learn from."""
_MANY = 0.2
"""The share of texts that are cut, of rows that repeat others, or of pairs that contradict others, from which on it is said."""
_ONE_SIDED = 0.7
"""The share of pairs that go to the longer, or to the first response, from which on it is said."""


def of_exposures(found: Exposures) -> Iterator[str]:
    """An audit that finds the exposures incomplete."""
    if found.verdict != "complete":
        yield found.sentence


def of_rates(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Binary actions that few rows have, or few have not."""
    for action in actions:
        if action["kind"] == "binary" and (fewer := min(action["taken"], action["observed"] - action["taken"])) < _RARE:
            what = "have it" if fewer == action["taken"] else "do not have it"
            yield f"action {action['column']!r}: only {fewer} of {action['observed']} rows {what}: intervals will be wide"


def of_users(users: Mapping[str, Any] | None) -> Iterator[str]:
    """A log without users, whose habits cannot be told from preference."""
    if users is None:
        yield "no user is named: a user's habit of acting cannot be separated from preference; if a column says who: --columns user_id=NAME"


def of_covariates(unused: Sequence[str], used: Sequence[str]) -> Iterator[str]:
    """Columns that may say how readily users act, where a fit is not told any."""
    if unused and not used:
        yield (
            f"not used: {', '.join(unused)}; name those that make users act without making an answer better, which separates the two: "
            f"--propensity-features {','.join(unused)}"
        )


def of_labels(labels: Mapping[str, int] | None) -> Iterator[str]:
    """Labels of one class alone."""
    if labels is not None and (labels["good"] == 0) != (labels["bad"] == 0):
        kind = "good" if labels["good"] else "bad"
        yield f"all {labels[kind]} explicit labels are {kind}: they cannot say how well good and bad answers are separated"


def of_repeats(repeated: int, rows: int) -> Iterator[str]:
    """Rows that say again what others say."""
    if repeated >= _MANY * rows:
        yield f"{repeated} of {rows} rows repeat an earlier one"


def of_contradictions(against: int, pairs: int) -> Iterator[str]:
    """Pairs that are preferred both ways."""
    if against >= _MANY * pairs:
        yield f"{against} of {pairs} pairs are preferred once this way and once the other: at most half of those can be predicted"


def of_balance(balance: Mapping[str, Any]) -> Iterator[str]:
    """Preferences that follow the length or the place of an answer."""
    for key, what in (("longer_preferred", "longer"), ("first_preferred", "first")):
        share = balance[key]
        for name, value in ((what, share), ({"longer": "shorter", "first": "second"}[what], None if share is None else 1 - share)):
            if value is not None and value >= _ONE_SIDED:
                yield f"the {name} response is preferred in {value:.0%} of the pairs: check that this is meant"


def of_tokens(tokens: Mapping[str, Any] | None) -> Iterator[str]:
    """Texts that the encoder sees in part."""
    if tokens is None or not tokens["texts"]:
        return
    if tokens["cut"] >= _MANY * tokens["texts"]:
        share = tokens["cut"] / tokens["texts"]
        yield (
            f"{share:.0%} of the texts are longer than the {tokens['max_length']} tokens that the encoder sees; more are seen with "
            f"--set encoder.max_length={2 * tokens['max_length']}"
        )
    if tokens["same_sides"]:
        pairs = tokens["texts"] // 2
        then = "such pairs are dropped" if tokens["same_sides"] < pairs else "without others a fit is refused"
        yield (
            f"{tokens['same_sides']} of {pairs} pairs are the same on both sides in the {tokens['max_length']} tokens that the encoder sees; {then}; "
            f"more are seen with --set encoder.max_length={2 * tokens['max_length']}"
        )
