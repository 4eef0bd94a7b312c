"""Benchmarks that compare with other tools say so where these are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STARTUP = Path(__file__).resolve().parent.parent / "bench" / "startup.py"


def test_without_java_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    environ = {**os.environ, "JAVA_HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, STARTUP], capture_output=True, text=True, env=environ, check=True)
    assert said.stdout.startswith("nothing to compare with: JAVA_HOME is ")
    assert said.stderr == ""
