from __future__ import annotations

from pathlib import Path

import pytest
import torch

from probrm.encoders import precision
from probrm.encoders.precision import PROBES, agrees, candidate, cpu_has_bfloat16


def test_the_type_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert candidate(cpu) == (torch.bfloat16 if cpu_has_bfloat16() else torch.float32)
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    assert candidate(cpu) == torch.float32


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists() or not hasattr(torch.cpu, "get_capabilities"), reason="needs Linux and a new torch")
def test_both_ways_of_asking_the_processor_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = cpu_has_bfloat16()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert cpu_has_bfloat16() == asked


def test_one_vector_that_points_elsewhere_is_enough_to_disagree() -> None:
    reference = torch.eye(3)
    near = reference.clone()
    near[1] = torch.tensor([0.03, 1.0, 0.0])  # cosine 0.99955
    far = reference.clone()
    far[1] = torch.tensor([0.06, 1.0, 0.0])  # cosine 0.9982
    assert agrees(reference, near * 5)
    assert not agrees(reference, far)
    assert not agrees(reference, torch.full((3, 3), float("nan")))


def test_the_built_in_probes_differ_in_length() -> None:
    lengths = {len(probe.prompt_text) + len(probe.response) for probe in PROBES}
    assert len(lengths) == len(PROBES)
    assert max(lengths) > 20 * min(lengths)
