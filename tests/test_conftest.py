"""The guard against changed globals catches what it should: a guard that never fails would guard nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

OFFENDERS = {
    "dtype": "torch.set_default_dtype(torch.float64)",
    "threads": "torch.set_num_threads(2)",
    "settings": "pyro.settings.set(module_local_params=True)",
    "store": "pyro.param('left_behind', torch.zeros(()))",
    "gradients": "torch.set_grad_enabled(False)",
}
INNOCENT = "assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled() and not pyro.get_param_store()"


def test_a_test_that_changes_a_global_fails_and_the_next_one_does_not(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text())
    tests = [f"def test_{name}_offends():\n    {line}\n\ndef test_{name}_innocent():\n    {INNOCENT}\n" for name, line in OFFENDERS.items()]
    pytester.makepyfile("import pyro, torch\n\n" + "\n".join(tests))
    result = pytester.runpytest_subprocess("-q", "-rE")  # in this process torch would be imported a second time
    result.assert_outcomes(passed=2 * len(OFFENDERS), errors=len(OFFENDERS))
    result.stdout.fnmatch_lines([f"ERROR *test_{name}_offends*" for name in OFFENDERS])
