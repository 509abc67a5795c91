"""``python -m tests.benchmarks.models.tried RUN...``: what was tried, after the same CPU time, as a Markdown table.

Each RUN is a training's folder. All are compared at the CPU time of the shortest one's last judgement, or at
``--hours``: a run's row is its last judgement up to then, with the CPU time that it had taken. Figures
are those of the half of the test pictures that chooses nothing; CPU time is that of the training's steps, without
judging and samples. Metrics that do not have it yet count wall-clock time instead, and their rows say so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from cgtool.config import DIRECTIONS
from cgtool.training.config import TrainConfig
from cgtool.training.files.metrics import read_judgements, read_metrics
from cgtool.training.judge.judgement import Figures, Judgement, mean_score

_HEADS = ("probe", "KID x1e3", "structure", "invented %")


@dataclass(frozen=True)
class Run:
    """A training, as its folder tells it.

    Attributes:
        name: Of the folder.
        domains: A and B.
        options: All of them, with ``init`` for what it began with.
        judged: CPU seconds, from its first step on, and the judgement then; in the order of steps.
        measured: Whether CPU time was, for every step.
    """

    name: str
    domains: tuple[str, str]
    options: Mapping[str, Any]
    judged: Sequence[tuple[float, Judgement]]
    measured: bool

    def at(self, seconds: float) -> tuple[float, Judgement] | None:
        """The last judgement up to a CPU time; None if there is none."""
        return next((one for one in reversed(self.judged) if one[0] <= seconds), None)


def read_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises:
        SystemExit: It is none, or nothing was judged.
    """
    metrics = folder / "metrics.jsonl"
    if not metrics.is_file() or not (folder / "run.json").is_file():
        raise SystemExit(f"{folder}: no run's folder: it should hold run.json and metrics.jsonl")
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    steps, judgements = read_metrics(metrics), read_judgements(metrics)
    if not judgements:
        raise SystemExit(f"{folder}: nothing was judged: put pictures into testA and testB, or see --judge-every")
    costs = [line.get("cpu_seconds") or line["seconds"] for line in steps]
    spent = dict(zip((line["step"] for line in steps), accumulate(costs), strict=True))
    return Run(
        folder.name,
        (about["domains"][0], about["domains"][1]),
        {**TrainConfig().to_json(), **about["config"], "init": (about.get("init") or {}).get("sha256", "")[:8] or None},
        [(spent[one.step], one) for one in judgements],
        all(line.get("cpu_seconds") for line in steps),
    )


def table(runs: Sequence[Run], hours: float | None = None) -> str:
    """The runs as a Markdown table, judged at the same CPU time; see above."""
    seconds = min(run.judged[-1][0] for run in runs) if hours is None else hours * 3600
    targets = dict(zip(DIRECTIONS, reversed(runs[0].domains), strict=True))
    heads = ["run", "what differs", "CPU hours", "steps", "score"]
    heads += [f"to {targets[direction]}: {head}" for direction in DIRECTIONS for head in _HEADS]
    rows = [_row(run, _differing(run, runs), run.at(seconds)) for run in runs]
    return f"Judged after {seconds / 3600:.2f} CPU hours:\n\n{markdown_table(heads, rows)}"


def _differing(run: Run, runs: Sequence[Run]) -> str:
    """The run's options that another run has not."""
    names = [name for name in run.options if any(other.options.get(name) != run.options[name] for other in runs)]
    return ", ".join(f"`--{name.replace('_', '-')} {run.options[name]}`" for name in names) or "nothing"


def _row(run: Run, what: str, found: tuple[float, Judgement] | None) -> list[str]:
    if found is None:
        return [run.name, what, "not judged by then", *[""] * (2 + len(_HEADS) * len(DIRECTIONS))]
    seconds, judgement = found
    hours = f"{seconds / 3600:.2f}" + ("" if run.measured else " (wall clock)")
    score = mean_score(judgement.reporting)
    cells = [run.name, what, hours, f"{judgement.step:,}", "" if score is None else f"{score:.3f}"]
    return cells + [cell for direction in DIRECTIONS for cell in figure_cells(judgement.reporting[direction])]


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells under their heads."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, ["---"] * len(heads), *rows))


def figure_cells(figures: Figures) -> list[str]:
    """Probe, KID, structure and invented colour in words; empty where there was no network for features."""
    return [
        "" if figures.probe is None else f"{figures.probe:.2f}",
        "" if figures.kid is None else f"{figures.kid * 1e3:.1f}",
        f"{figures.structure:.3f}",
        f"{figures.invented * 100:.2f}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a training's folder, such as runs/NAME")
    parser.add_argument("--hours", type=float, help="CPU hours to compare at, instead of the shortest run's")
    options = parser.parse_args(arguments)
    print(table([read_run(folder) for folder in options.runs], options.hours))


if __name__ == "__main__":
    main()
