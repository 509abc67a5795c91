"""Prints the oldest or the newest Python of this machine that cgtool supports. Runs on any Python 3.

``python tests/tools/pythons.py oldest``. It looks at the path and at pyenv's versions.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 10), (3, 14)
"""Newer ones are passed over: not all dependencies may have wheels for them yet."""


def candidates() -> list[Path]:
    """Every executable that is called like a Python 3, and the one that runs this."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [path for folder in folders for path in folder.glob("python3.*")] + sorted(pyenv.glob("3.*/bin/python3"))
    return [Path(sys.executable), *(path for path in found if re.fullmatch(r"python3(\.\d+)?", path.name))]


def version_of(python: Path) -> tuple[int, int] | None:
    """Its version; None if it does not run or can't make environments."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=30)
        major, minor = done.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def supported(pythons: list[Path]) -> list[Path]:
    """Those that run and are neither too old nor too new, oldest first."""
    versions = {python: version for python in pythons if (version := version_of(python)) is not None}
    fitting = [(version, python) for python, version in versions.items() if OLDEST <= version <= NEWEST]
    return [python for _, python in sorted(fitting)]


if __name__ == "__main__":
    found = supported(candidates())
    if not found:
        sys.exit("cgtool needs Python 3.10 or newer, and none was found")
    print(found[-1] if sys.argv[1:] == ["newest"] else found[0])
