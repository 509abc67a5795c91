"""Odd names to write under, and processes that write and are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ODD_NAMES = [
    "clip.mp4",
    "no suffix",
    ".hidden",
    "[a-z]*?.mp4",
    "-i %03d {n} 'quoted' \"twice\"\n.mp4",
    "weiß ✓ 冬.mp4",
    "not utf-8 \udce9.mp4",
    "x" * 251 + ".mp4",
    "冬" * 85,
]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps what is open, and has no signals")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def child(code: str, *arguments: Path | str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs some code, says "ready" and goes on; killed at the end."""
    command = [sys.executable, "-c", f"import sys\nfrom cgtool.files import *\n{code}", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
