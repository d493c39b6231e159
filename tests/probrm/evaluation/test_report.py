from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from probrm.errors import ConfigError
from probrm.evaluation import Predictions, Sample, binary_metrics, difference, evaluate


def _simulated(n: int = 200, prompts: int = 50):
    generator = np.random.default_rng(0)
    x = generator.normal(size=n)
    truth = (generator.random(n) < 1 / (1 + np.exp(-x))).astype(float)
    sample = Sample.of(truth, groups=[f"prompt {i % prompts}" for i in range(n)])
    return sample, Predictions.of(1 / (1 + np.exp(-x)), score=x), Predictions.of(np.full(n, 0.5))


def test_the_contract_s_json():
    sample, model, baseline = _simulated()
    report = evaluate(sample, model, baseline, bootstrap=30)
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["rows"] == 200
    for part in ("metrics", "baseline", "difference"):
        assert list(told[part]) == ["auroc", "nll", "brier", "ece", "pair_accuracy"]
        assert all(list(metric) == ["value", "low", "high"] for metric in told[part].values())
    assert told["metrics"]["auroc"]["low"] < told["metrics"]["auroc"]["value"] < told["metrics"]["auroc"]["high"]
    assert told["baseline"]["auroc"]["value"] == 0.5
    assert told["verdict"]["auroc"] == told["verdict"]["nll"] == "better"
    assert told["notes"] == []


def test_the_parts_are_what_the_parts_say_alone():
    sample, model, baseline = _simulated()
    report = evaluate(sample, model, baseline, bootstrap=30, seed=4)
    groups = [f"prompt {i % 50}" for i in range(200)]
    assert report.metrics == binary_metrics(sample.truth, model.probability, score=model.score, groups=groups, bootstrap=30, seed=4)
    assert report.baseline == binary_metrics(sample.truth, baseline.probability, groups=groups, bootstrap=30, seed=4)
    assert report.difference == difference(sample, model, baseline, bootstrap=30, seed=4)


def test_without_a_baseline_its_parts_are_empty():
    sample, model, _ = _simulated()
    told = evaluate(sample, model, bootstrap=5).to_dict()
    assert told["baseline"] == told["difference"] == told["verdict"] == {}


def test_what_is_undefined_is_null_and_told():
    report = evaluate(Sample.of([1, 1], groups=["a", "a"]), Predictions.of([0.2, 0.4]), Predictions.of([0.5, 0.5]), bootstrap=10)
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["metrics"]["auroc"] == told["difference"]["auroc"] == {"value": None, "low": None, "high": None}
    assert told["metrics"]["nll"]["low"] is None
    assert told["verdict"]["auroc"] is None
    assert any(note.startswith("auroc: the truth is 1 in every row") for note in told["notes"])
    assert any(note.startswith("nll: no interval: there is only one of the prompts") for note in told["notes"])


def test_few_prompts_and_skipped_resamples_are_told():
    sample, model, _ = _simulated(40, prompts=8)
    assert "only 8 prompts to draw from: the intervals are too narrow" in evaluate(sample, model, bootstrap=5).notes
    assert evaluate(sample, model, bootstrap=0).notes == []
    rare = evaluate(Sample.of(np.r_[1.0, np.zeros(29)]), Predictions.of(np.linspace(0.9, 0.1, 30)), bootstrap=200)
    assert any("auroc: undefined on" in note and "of 200 resamples" in note for note in rare.notes)


def test_a_negative_bootstrap_is_a_config_error():
    sample, model, _ = _simulated()
    with pytest.raises(ConfigError, match="bootstrap"):
        evaluate(sample, model, bootstrap=-1)


def test_importing_the_room_loads_nothing_heavy():
    code = "import sys, probrm.evaluation as e; assert not {'sklearn', 'pandas', 'torch', 'numpy'} & set(sys.modules); e.evaluate"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_labels_of_one_class_say_so_and_give_no_verdict(only: float):
    sample, model, baseline = _simulated()
    alone = Sample.of(np.full(200, only), groups=sample.clusters.tolist())
    report = evaluate(alone, model, baseline, bootstrap=30)
    assert report.difference["nll"].low is not None
    assert set(report.verdicts().values()) == {None}
    assert set(report.to_dict()["verdict"].values()) == {None}
    assert report.notes[0].startswith(f"all 200 labels are {only:.0f} and no row has label {1 - only:.0f}")
    assert evaluate(alone, model, bootstrap=0).notes[0].startswith("all 200 labels are")
