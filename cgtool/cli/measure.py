"""``cgtool measure``: figures that prove a result's steadiness and sharpness, with the protocol named."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cgtool.extras import require

if TYPE_CHECKING:
    from cgtool.tasks.measure import MeasuredFrame

# Field -> (what it is called, what it is good for)
_ROWS = {
    "warp_error": ("E_warp of the result", "lower is steadier"),
    "source_warp_error": ("E_warp of the source", "the floor"),
    "brightness_flicker": ("brightness flicker beyond the source's", "lower is steadier"),
    "colour_flicker": ("colour flicker beyond the source's", "lower is steadier"),
    "edges": ("sharpness at the strongest edges", "1 is the source's own"),
    "change": ("mean change from the source", "0 would be the source itself"),
}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png", help="Draw them over time."
)
def measure(source: Path, result: Path, as_json: bool, plot: Path | None) -> None:
    """Measure a converted clip against its source: warp error, flicker, sharpness, change.

    \b
    cgtool measure summer.mp4 summer.winter.mp4 --plot steadiness.png
    """
    if plot is not None:
        require("matplotlib", "plot")
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from cgtool.change.measures import PROTOCOL
    from cgtool.tasks.measure import measure as run

    measured: list[MeasuredFrame] = []
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("measuring", total=None)
        for frame in run(source, result):
            measured.append(frame)
            progress.update(bar, completed=frame.index + 1, total=frame.estimated_frames)
    summary = asdict(measured[-1].summary)
    if plot is not None:
        from cgtool.cli.plot import plot_measures

        plot_measures(measured, plot)
    if as_json:
        described = {"source": str(source), "result": str(result), "frames": len(measured)}
        click.echo(json.dumps({**described, **summary, "protocol": PROTOCOL}, ensure_ascii=False))
        return
    table = Table("measure", "value", "", box=None)
    for field, (name, meaning) in _ROWS.items():
        value = summary[field]
        table.add_row(name, "not measurable" if value is None else f"{value:.6f}", meaning)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(f"{source} -> {result}: {len(measured)} frames", markup=False, highlight=False)
    console.print(table)
    console.print(PROTOCOL, style="dim", markup=False, highlight=False)
