"""Prints the newest Python of this machine: of those on the path and of pyenv's. Runs on any Python 3."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

NEWEST = (3, 14)
"""Newer ones are passed over: dependencies may have no wheels for them yet."""


def candidates() -> list[Path]:
    """Every executable that is called like a Python 3, and the one that runs this."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [path for folder in folders for path in folder.glob("python3.*")] + sorted(pyenv.glob("3.*/bin/python3"))
    return [Path(sys.executable), *(path for path in found if re.fullmatch(r"python3(\.\d+)?", path.name))]


def version_of(python: Path) -> tuple[int, int] | None:
    """What it says it is; None if it does not run or makes no environments."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=30)
        major, minor = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def newest(pythons: list[Path]) -> Path:
    """The newest that runs and is not too new."""
    versions = {python: version for python in pythons if (version := version_of(python)) is not None}
    return max((version, python) for python, version in versions.items() if version <= NEWEST)[1]


if __name__ == "__main__":
    print(newest(candidates()))
