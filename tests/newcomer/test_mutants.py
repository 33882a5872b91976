"""What is said of mutants that no test can tell is said of code that is there: an excuse outlives what it excused."""

import subprocess
import sys

from tests.newcomer.documents import ROOT


def test_each_mutant_that_is_known_to_be_equal_is_one() -> None:
    listed = subprocess.run(
        [sys.executable, "tools/mutants.py", "--list", "--sample", "1"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stdout + listed.stderr
