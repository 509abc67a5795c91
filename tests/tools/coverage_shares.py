"""Prints the shares of lines and of branches that the tests reach, from what ``coverage json`` wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def shares(totals: dict[str, Any]) -> str:
    """Both shares in words, each rounded down.

    Args:
        totals: The part of this name in coverage's JSON.
    """
    lines = (totals["covered_lines"], totals["num_statements"])
    branches = (totals["covered_branches"], totals["num_branches"])
    return ", ".join(
        f"{1000 * reached // max(of, 1) / 10}% of {of} {what}"
        for what, (reached, of) in (("lines", lines), ("branches", branches))
    )


if __name__ == "__main__":
    print(shares(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["totals"]))
