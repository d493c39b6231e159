from __future__ import annotations

import json

import pytest

from probrm.data import LogSpec
from probrm.errors import ConfigError


def test_there_and_back_through_json():
    spec = LogSpec({"action": "copied"}, "realhumaneval", ("hour", "surface"), ("model",), ("length",))
    assert LogSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert LogSpec.from_dict({}) == LogSpec()


def test_the_preset_brings_its_derived_covariates():
    assert LogSpec(preset="realhumaneval", derive=("length", "code_block")).derived == ("code_block", "length")
    assert LogSpec(derive=("length",)).derived == ("length",)


@pytest.mark.parametrize(
    ("made", "says", "fix"),
    [
        (lambda: LogSpec(columns={"promt": "a"}), "columns: there is no 'promt'; allowed: prompt, messages, response", "'prompt'"),
        (lambda: LogSpec(preset="realhuman"), "preset: there is no 'realhuman'; allowed: realhumaneval", "'realhumaneval'"),
        (lambda: LogSpec(derive=("lenght",)), "allowed: length, code_block, list, question", "'length'"),
        (lambda: LogSpec.from_dict({"colums": {}}), "there is no 'colums'; allowed: columns, preset", "'columns'"),
    ],
)
def test_unknown_names_list_the_valid_ones(made, says: str, fix: str):
    with pytest.raises(ConfigError) as caught:
        made()
    assert says in caught.value.what
    assert f"did you mean {fix}?" == caught.value.fix


def test_a_covariate_cannot_be_both_read_and_derived():
    with pytest.raises(ConfigError, match="'length' is also one of the propensity features"):
        LogSpec(propensity_features=("length",), derive=("length",))
