"""Many broken files, in processes of their own, so that crashes and hangs are faults like others.

``python -m tests.fuzz.campaign --inputs 2000`` prints what came of them.
"""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.corpus import make_corpus

HANG_SECONDS = 20.0
"""Longer than this no input may take. Starting a process is not counted."""
_START_SECONDS = 120.0


@dataclass
class Findings:
    """What came of a campaign.

    Attributes:
        outcomes: How many inputs of each kind were refused, converted or read, as ``video refused``.
        faults: What must not happen, one for each input, with how to try it again.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many were tried."""
        return sum(self.outcomes.values())


def run(
    corpus: Path,
    scratch: Path,
    *,
    inputs: int,
    seed: int = 0,
    hang_seconds: float = HANG_SECONDS,
    worker: str = "tests.fuzz.worker",
) -> Findings:
    """Try the first inputs of a seed, one after the other. Whoever crashes or hangs is followed by another process.

    Args:
        corpus: What `make_corpus` made.
        scratch: An empty folder; inputs at fault stay in it.
        inputs: How many.
        seed: Of all chance.
        hang_seconds: How long one input may take.
        worker: The module that tries them.
    """
    findings = Findings()
    number = 0
    while number < inputs:
        command = [sys.executable, "-m", worker, str(corpus), str(scratch), *map(str, (seed, number, inputs))]
        number = _follow(command, scratch / f"errors-{number}.txt", number, inputs, hang_seconds, findings)
    return findings


def _follow(command: list[str], errors: Path, first: int, end: int, hang_seconds: float, findings: Findings) -> int:
    """Let one process try as many inputs as it survives; the number of the input after them."""
    number, what = first, f"input {first}"
    patience = _START_SECONDS
    with errors.open("w") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as worker:
        lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(worker, lines), daemon=True).start()
        try:
            while (line := lines.get(timeout=patience)) is not None:
                said = json.loads(line)
                patience = hang_seconds
                if "outcome" not in said:
                    what = f"{said['kind']} input {number} ({said['source']})"
                    continue
                number += 1
                findings.outcomes[f"{what.split()[0]} {said['outcome'].split(':')[0]}"] += 1
                if said["fault"] is not None:
                    findings.faults.append(f"{what}: {said['fault']}")
            fault = None if number == end else f"crashes: {errors.read_text()[-2000:]}"
        except queue.Empty:
            fault = f"takes more than {patience:g} seconds"
        worker.kill()
    if fault is None:
        return number
    findings.outcomes[f"{what.split()[0]} failed"] += 1
    findings.faults.append(f"{what}: {fault}")
    return number + 1


def _read_lines(worker: subprocess.Popen[bytes], lines: queue.Queue[bytes | None]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put(line)
    lines.put(None)


def main() -> None:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder in which what is at fault stays, to be tried again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        make_corpus(folder / "corpus")
        (folder / "scratch").mkdir()
        findings = run(folder / "corpus", folder / "scratch", inputs=options.inputs, seed=options.seed)
    for outcome, count in sorted(findings.outcomes.items()):
        print(f"{count:6} {outcome}")
    print(f"{findings.inputs} inputs, {len(findings.faults)} faults", *findings.faults, sep="\n")
    sys.exit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()
