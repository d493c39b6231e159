"""What is held out together: prompts and users, but nobody and nothing are no group."""

from __future__ import annotations

from pathlib import Path

from probrm.data import LogSpec, read_log
from probrm.runs import find_recipe
from tests.products import lines


def test_rows_without_a_prompt_or_a_user_are_held_out_on_their_own(tmp_path: Path) -> None:
    rows = [{"response": f"It is {i}.", "action": int(i % 3 == 0), "user_id": None if i % 2 else f"u{i % 4}"} for i in range(60)]
    log = read_log(lines(tmp_path / "log.jsonl", rows), LogSpec(columns={"prompt": ""}))
    assert log.user is not None
    assert set(log.user) == {"u0", "u2", "(unknown)"}
    prompts, users, _ = find_recipe("implicit").groups(log)  # type: ignore[attr-defined]
    assert len(set(prompts)) == 60
    assert users is not None
    assert len(set(users)) == 32
    assert "there is no prompt (--columns prompt=): answers are read alone" in log.notes
    assert any("one anonymous group" in note for note in log.notes)
