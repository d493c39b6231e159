from __future__ import annotations

import pytest
import torch

from probrm.encoders.threads import encoding_threads, thread_count


def test_the_number_before_is_restored_also_after_an_error() -> None:
    before = torch.get_num_threads()
    with thread_count(before + 1):
        assert torch.get_num_threads() == before + 1

    def failing() -> None:
        with thread_count(before + 1):
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert torch.get_num_threads() == before


def test_at_least_one_thread_and_not_every_core_of_a_server() -> None:
    assert 1 <= encoding_threads() <= 8
