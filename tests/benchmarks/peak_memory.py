"""The largest resident memory of a `cgtool` command, in MB on standard error: without its ffmpeg's. Linux only.

python -m tests.benchmarks.peak_memory convert CLIP --to winter -o out.mp4
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cgtool.cli.app import main as cgtool


def main() -> None:
    try:
        cgtool()
    finally:
        # Not getrusage, which also counts what the process was forked from.
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        assert found is not None
        print(int(found[1]) // 1024, file=sys.stderr)


if __name__ == "__main__":
    main()
