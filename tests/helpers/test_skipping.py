"""What is skipped for want of a package, and what may not be skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Makes a package look as if it were not installed; loaded before the plugin looks.
ABSENT = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "nncf" else find(name, package)
"""


def run(folder: Path, test: str, **environment: str) -> tuple[int, str]:
    """Pytest's exit code and output on one test file, with the plugin loaded."""
    (folder / "absent.py").write_text(ABSENT, encoding="utf-8")
    (folder / "test_it.py").write_text(test, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name != "CGTOOL_REQUIRE_SHARED"}
    path = os.pathsep.join((str(folder), str(ROOT)))
    plugins = ("-p", "no:cacheprovider", "-p", "absent", "-p", "tests.helpers.skipping")
    command = [sys.executable, "-m", "pytest", "-rs", *plugins]
    done = subprocess.run(
        [*command, "--rootdir", str(folder), "-c", os.devnull, str(folder / "test_it.py")],
        capture_output=True, text=True, cwd=folder, env={**clean, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_test_of_a_missing_package_is_skipped_and_says_which(tmp_path: Path) -> None:
    code, words = run(tmp_path, "def test_it():\n    raise ModuleNotFoundError(\"No module named 'nncf'\")\n")
    assert code == 0, words
    assert "1 skipped" in words
    assert "nncf is not installed" in words


def test_a_file_that_imports_a_missing_package_is_skipped(tmp_path: Path) -> None:
    _code, words = run(tmp_path, "raise ModuleNotFoundError(\"No module named 'nncf'\")\n")
    assert "1 skipped" in words
    assert "nncf is not installed" in words


def test_a_package_that_is_there_is_no_excuse(tmp_path: Path) -> None:
    code, words = run(tmp_path, "def test_it():\n    raise ModuleNotFoundError(\"No module named 'click'\")\n")
    assert code == 1, words
    assert "1 failed" in words


def test_where_the_shared_data_is_required_its_absence_fails(tmp_path: Path) -> None:
    test = "import pytest\ndef test_it():\n    pytest.skip('the shared data folder is not here')\n"
    assert run(tmp_path, test)[0] == 0
    code, words = run(tmp_path, test, CGTOOL_REQUIRE_SHARED="1")
    assert code == 1, words
    assert "CGTOOL_REQUIRE_SHARED is set" in words
