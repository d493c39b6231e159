from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probrm.data import PairSpec
from probrm.data.pairs.formats import PAIR_NATIVE, PRESETS
from probrm.errors import ConfigError

specs = st.builds(
    PairSpec,
    columns=st.dictionaries(st.sampled_from(sorted(PAIR_NATIVE)), st.text(max_size=5)),
    preset=st.none() | st.sampled_from(sorted(PRESETS)),
    attributes=st.lists(
        st.text(min_size=1, max_size=5).filter(lambda name: name != "-"), unique_by=lambda name: name.removeprefix("-")
    ).map(tuple),
    choices=st.just({}) | st.fixed_dictionaries({"first": st.text(max_size=5), "second": st.text(max_size=5)}, optional={"tie": st.text()}),
    ties=st.sampled_from(["drop", "davidson"]),
    min_difference=st.floats(0, 1e6),
)


@given(specs)
def test_there_and_back_through_json(spec: PairSpec):
    assert PairSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_nothing_said_is_the_default():
    assert PairSpec.from_dict({}) == PairSpec()
    assert PairSpec().to_dict() == {"columns": {}, "preset": None, "attributes": [], "ties": "drop", "min_difference": 0.0, "choices": {}}


@pytest.mark.parametrize(
    ("made", "says", "fix"),
    [
        (lambda: PairSpec(columns={"chosn": "a"}), "columns: there is no 'chosn'; allowed: prompt, chosen", "did you mean 'chosen'?"),
        (lambda: PairSpec(preset="helpster"), "preset: there is no 'helpster'; allowed: ultrafeedback-binarized", "'helpsteer'"),
        (lambda: PairSpec(ties="keep"), "ties: there is no 'keep'; allowed: drop, davidson", "--ties drop"),  # type: ignore[arg-type]
        (lambda: PairSpec(attributes=("a", "b", "a")), "attributes: 'a' is named twice", "once"),
        (lambda: PairSpec(attributes=("",)), "one name is empty", "--attributes"),
        (lambda: PairSpec(attributes=("-",)), "one name is empty", "--attributes"),
        (lambda: PairSpec(attributes=("a", "-a")), "attributes: 'a' is named twice", "once"),
        (lambda: PairSpec(choices={"third": "1"}), "choices: there is no 'third'; allowed: first, second, tie", "--choices"),
        (lambda: PairSpec(choices={"first": "1"}), "choices: found first; allowed: first and second, and perhaps tie", "--choices"),
        (lambda: PairSpec(min_difference=-1), "min_difference: found -1; allowed: 0 or a positive", "0.25"),
        (lambda: PairSpec(min_difference=math.nan), "min_difference: found nan", "0.25"),
        (lambda: PairSpec.from_dict({"tie": "drop"}), "there is no 'tie'; allowed: columns, preset", "'ties'"),
    ],
)
def test_what_is_not_allowed_lists_what_is(made, says: str, fix: str):
    with pytest.raises(ConfigError) as caught:
        made()
    assert says in caught.value.what
    assert fix in caught.value.fix
