"""The oldest and the newest Python are found on the path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import pythons


def fake(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="makes shell scripts")
def test_those_that_fit_are_sorted_by_version_not_by_name(tmp_path: Path) -> None:
    told = {"python3.9": "3 9", "python3.10": "3 10", "python3.13": "3 13", "python3": "3 11", "python3.99": "3 99"}
    made = [fake(tmp_path / name, version) for name, version in told.items()]
    broken = fake(tmp_path / "python3.12", "not a Python")
    found = pythons.supported([*made, broken, tmp_path / "absent"])
    assert [python.name for python in found] == ["python3.10", "python3", "python3.13"]


@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_what_is_printed_runs(which: str) -> None:
    program = Path(pythons.__file__)
    found = subprocess.run([sys.executable, program, which], capture_output=True, text=True, check=True).stdout.strip()
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("Python 3.")
