from __future__ import annotations

import re

import pytest
import xarray

from probrm.errors import ConfigError
from probrm_cli.posterior.variables import choose_variables

KNOWN = ["base_rate", "propensity_effects", "propensity_effects_scale", "user_activity"]


def test_nothing_asked_for_is_no_choice() -> None:
    assert choose_variables(KNOWN, None, None) is None
    assert choose_variables(KNOWN, [], None) is None


def test_whole_names_in_the_order_asked_for() -> None:
    assert choose_variables(KNOWN, ["user_activity", "base_rate", "user_activity"], None) == ["user_activity", "base_rate"]


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("like", ["effects"]),
        ("like", ["user", "base"]),
        ("like", ["_"]),
        ("regex", ["^prop.*s$", "rate"]),
        ("regex", ["a"]),
        (None, ["base_rate"]),
    ],
)
def test_filters_are_those_of_arviz(how: str | None, wanted: list[str]) -> None:
    utils = pytest.importorskip("arviz.utils")  # private, and of 0.x
    theirs = utils._var_names(wanted, xarray.Dataset(dict.fromkeys(KNOWN, 0.0)), filter_vars=how)
    assert sorted(choose_variables(KNOWN, wanted, how) or []) == sorted(set(theirs))


@pytest.mark.parametrize(
    ("wanted", "how", "told"),
    [
        (["base"], None, "--var base: the run has no such variable; it has base_rate, "),
        (["tax"], "like", "--var tax: no variable of the run has that in its name; it has base_rate, "),
        (["base", "^x"], "regex", "--var ^x: no variable of the run matches it"),
        (["("], "regex", "--var (: no regular expression: "),
        (["base"], "glob", "--filter: found 'glob'; allowed: like, regex"),
        (None, "like", "--filter like: there is no --var"),
    ],
)
def test_what_cannot_be_meant(wanted: list[str] | None, how: str | None, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        choose_variables(KNOWN, wanted, how)
