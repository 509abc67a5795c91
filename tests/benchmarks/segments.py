"""What segments cost: CPU, time and disk of one conversion in one piece and in segments, as rows for the README.

``python -m tests.benchmarks.segments CLIP --lines 2160 --seconds 3 --segment 1.5``: the clip is scaled and cut first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.probe import make


def bytes_in(folder: Path) -> int:
    """Bytes of all files in a folder and below it; some may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def converted(clip: Path, folder: Path, segment: float) -> tuple[float, float, int, int]:
    """CPU seconds, seconds, bytes of the result, and the most bytes that lay in its folder on the way."""
    folder.mkdir()
    target = folder / "out.mp4"
    command = [sys.executable, "-m", "cgtool", "convert", str(clip), "--to", "winter", "--quiet"]
    before, begin, most = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0
    process = subprocess.Popen([*command, "-o", str(target), "--segment", str(segment)])
    while process.poll() is None:
        most = max(most, bytes_in(folder))
        time.sleep(0.05)
    assert process.returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - begin, target.stat().st_size, most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--lines", type=int, default=720)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--segment", type=float, default=2.5)
    parser.add_argument("--times", type=int, default=1, help="runs of each, in turn; the least CPU time counts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = make(Path(folder, "clip.mp4"), "-i", given.clip, "-t", given.seconds, "-vf", f"scale=-2:{given.lines}",
                    "-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-c:a", "copy")  # fmt: skip
        runs: dict[float, list[tuple[float, float, int, int]]] = {0: [], given.segment: []}
        for number in range(given.times):
            for segment, done in runs.items():
                done.append(converted(clip, Path(folder, f"{segment}-{number}"), segment))
        for segment, done in runs.items():
            cpu, seconds, size, most = min(done)
            row = f"{cpu:.1f} | {seconds:.1f} | {size / 1e6:.2f} MB | {most / 1e6:.2f} MB"
            print(f"| {given.lines}p, `--segment {segment:g}` | {row} |", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
