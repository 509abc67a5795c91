"""What runs on this machine, read off Linux's /proc."""

from __future__ import annotations

import re
from pathlib import Path


def children_of(parent: int, name: str) -> list[int]:
    """Living child processes whose command has this in its name."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, command, rest = re.fullmatch(r"(\d+) \((.*)\) (.*)", status.read_text(), re.DOTALL).groups()  # type: ignore[union-attr]
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, its_parent, *_ = rest.split()
        if int(its_parent) == parent and name in command and state != "Z":
            found.append(int(pid))
    return found
