from __future__ import annotations

import json
import math

from probrm.runs import finite


def test_numbers_that_json_lacks_become_null() -> None:
    value = {"a": [1.5, math.nan, (math.inf, {"b": -math.inf})], 3: True, "t": "NaN", "n": None, "i": 2}
    plain = finite(value)
    assert plain == {"a": [1.5, None, [None, {"b": None}]], "3": True, "t": "NaN", "n": None, "i": 2}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
