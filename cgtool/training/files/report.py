"""`report.html`: one page with everything in it, so that it opens from a file manager and can be mailed."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cgtool.config import DIRECTIONS, Direction
from cgtool.files import write_whole
from cgtool.training.files.curves import Line, draw
from cgtool.training.judge.judgement import SCORE, Figures, Judgement, best, mean_score
from cgtool.training.losses import TERMS

MAX_SAMPLES = 24
"""Grids in a report: the first, the last, and those evenly between."""

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --ink: #23211e; --soft: #8a857c; --line: #dedad2; --one: #1d6fb8;
  --two: #c2571a; --kept: #2c8a4b; --band: #eef6ef; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #e6e3dd; --soft: #95918a; --line: #35363a;
  --one: #6db3f2; --two: #f0975a; --kept: #6fca8c; --band: #1d2a21; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1240px; margin: 2rem auto; padding: 0 1.2rem;
  background: var(--paper); color: var(--ink); }
h1 { margin: 0; } h2 { margin: 2.4rem 0 .6rem; font-size: 1.15rem; } p { max-width: 75ch; }
.soft, figcaption, summary, th { color: var(--soft); } img { max-width: 100%; height: auto; border-radius: 4px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } td, th { padding: .2rem 1rem .2rem 0;
  text-align: left; font-weight: 400; border-bottom: 1px solid var(--line); }
  td:first-child { white-space: nowrap; }
  tr.kept td { background: var(--band); }
tr.kept td:first-child { color: var(--kept); font-weight: 600; } .wide { overflow-x: auto; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: .6rem 1.6rem; }
figure { margin: 0; } figcaption { font-size: .88rem; } figcaption span { margin-left: .7rem; }
svg { width: 100%; display: block; } svg text { font-size: 11px; fill: var(--soft); }
svg line.grid { stroke: var(--line); } svg line.kept { stroke: var(--kept); stroke-dasharray: 4 3; }
svg polyline { fill: none; stroke-width: 1.6; } polyline.c0 { stroke: var(--one); } polyline.c1 { stroke: var(--two); }
circle.c0 { fill: var(--one); } circle.c1 { fill: var(--two); } span.c0 { color: var(--one); }
span.c1 { color: var(--two); } summary { cursor: pointer; } pre { white-space: pre-wrap; font-size: .85rem; }
input[type=range] { width: min(560px, 70%); vertical-align: middle; accent-color: var(--one); }
"""
_SCRIPT = """
const slider = document.querySelector("#slider");
if (slider) {
  const grids = document.querySelectorAll("#samples img");
  const show = () => {
    grids.forEach((grid, number) => { grid.hidden = number != slider.value; });
    document.querySelector("#step").textContent = grids[slider.value].alt;
  };
  slider.addEventListener("input", show);
  show();
}
"""


def write_report(
    path: Path,
    title: str,
    record: Mapping[str, Any],
    steps: Sequence[Mapping[str, Any]],
    judgements: Sequence[Judgement] = (),
    *,
    keep_best: bool = True,
) -> None:
    """Write the report of a run from what lies in its folder.

    Args:
        path: The HTML file; `samples/` and `data.jpg` lie beside it.
        title: The run's name.
        record: What `run.json` says.
        steps: The metrics, as `cgtool.training.files.metrics.read_metrics` gives them.
        judgements: As `cgtool.training.files.metrics.read_judgements` gives them.
        keep_best: Whether the best that was judged is kept.

    Raises:
        OSError: It can't be written, or a picture can't be read.
    """
    names = record.get("domains", ("A", "B"))
    last_step = max([record.get("total_steps", 1), *(line["step"] for line in steps[-1:])])
    kept = best(list(judgements)) if keep_best else None
    mark = None if kept is None else kept.step
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
<p class="soft">{html.escape(_where(names, record, steps))}</p>
{_judged(judgements, kept, (names[0], names[1]), last_step)}
<h2>Samples</h2>
{_samples(path.parent / "samples")}
<h2>Losses</h2>
{_losses(steps, last_step, mark)}
{_data(path.parent / "data.jpg")}
<h2>Settings</h2>
{_settings(record)}
<details><summary>run.json</summary><pre>{html.escape(json.dumps(record, indent=2, ensure_ascii=False))}</pre></details>
<script>{_SCRIPT}</script></body></html>
"""
    write_whole(path, page)


def _where(names: Sequence[str], record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> str:
    what = f"{names[0]} and {names[1]}"
    if not steps:
        return f"{what}. No step was done yet."
    recent = steps[-100:]
    seconds, waiting = (sum(line[key] for line in recent) / len(recent) for key in ("seconds", "data_seconds"))
    of = f" of {record['total_steps']:,}" if "total_steps" in record else ""
    hours = sum(line["seconds"] for line in steps) / 3600
    return (
        f"{what}. Step {steps[-1]['step']:,}{of}, epoch {steps[-1]['epoch'] + 1}, {hours:.1f} hours; lately "
        f"{seconds:.3f} s per step, {waiting:.4f} s of these waiting for images."
    )


@dataclass(frozen=True)
class _Column:
    """A judged figure: its title, and how it is read and written."""

    title: str
    value: Callable[[Figures], float | None]
    factor: float
    digits: int
    unchanged: Callable[[Figures], float | None] = lambda figures: None

    def text(self, value: float | None) -> str:
        return "" if value is None else f"{value * self.factor:.{self.digits}f}"


_COLUMNS = (
    _Column("probe", lambda figures: figures.probe, 1, 2, lambda figures: figures.unchanged_probe),
    _Column("KID x1e3", lambda figures: figures.kid, 1e3, 1, lambda figures: figures.unchanged_kid),
    _Column("structure", lambda figures: figures.structure, 1, 3, lambda figures: 1.0),
    _Column("invented colour, %", lambda figures: figures.invented, 100, 2, lambda figures: 0.0),
    _Column("cycle, levels", lambda figures: figures.cycle, 1, 1, lambda figures: 0.0),
)


def _judged(judgements: Sequence[Judgement], kept: Judgement | None, names: tuple[str, str], last_step: int) -> str:
    if not judgements:
        return ""
    targets = dict(zip(DIRECTIONS, reversed(names), strict=True))
    groups = "".join(f'<th colspan="{len(_COLUMNS)}">to {html.escape(targets[d])}</th>' for d in DIRECTIONS)
    heads = "".join(f"<th>{column.title}</th>" for _ in DIRECTIONS for column in _COLUMNS)
    first = judgements[0].reporting
    unchanged = "".join(f"<td>{c.text(c.unchanged(first[d]))}</td>" for d in DIRECTIONS for c in _COLUMNS)
    rows = [f"<tr><td>unchanged pictures</td><td></td>{unchanged}</tr>"]
    for one in judgements:
        cells = "".join(f"<td>{c.text(c.value(one.reporting[d]))}</td>" for d in DIRECTIONS for c in _COLUMNS)
        score = "" if one.score is None else f"{one.score:.3f}"
        mark = (' class="kept"', " (kept)") if one is kept else ("", "")
        rows.append(f"<tr{mark[0]}><td>step {one.step:,}{mark[1]}</td><td>{score}</td>{cells}</tr>")
    plots = _curves(judgements, targets, last_step, None if kept is None else kept.step)
    return (
        f"<h2>Judged</h2><p>Test pictures, translated as <code>cgtool convert</code> shows them. {SCORE} One half of "
        f"the pictures chooses by it; figures are of the other half.</p>"
        f'<div class="curves">{plots}</div>'
        f'<div class="wide"><table><tr><th colspan="2"></th>{groups}</tr>'
        f"<tr><th></th><th>score</th>{heads}</tr>{''.join(rows)}</table></div>"
    )


def _curves(judgements: Sequence[Judgement], targets: Mapping[Direction, str], last_step: int, mark: int | None) -> str:
    scores = [
        Line("half that chooses", _points((one.step, one.score) for one in judgements), dots=True),
        Line("half that reports", _points((one.step, mean_score(one.reporting)) for one in judgements), dots=True),
    ]
    plots = [draw("score", scores, last_step, mark)]
    for column in _COLUMNS:
        lines = [
            Line(f"to {target}", _points((one.step, _times(column, one.reporting[d])) for one in judgements), dots=True)
            for d, target in targets.items()
        ]
        plots.append(draw(column.title, lines, last_step, mark))
    return "".join(plots)


def _times(column: _Column, figures: Figures) -> float | None:
    value = column.value(figures)
    return None if value is None else value * column.factor


def _points(pairs: Any) -> np.ndarray[Any, np.dtype[np.float64]]:  # noqa: ANN401  # an iterable of steps and values
    return np.array([pair for pair in pairs if pair[1] is not None], np.float64).reshape(-1, 2)


def _samples(folder: Path) -> str:
    grids = sorted(folder.glob("step_*.jpg"))
    if not grids:
        return "<p>None yet.</p>"
    if len(grids) > MAX_SAMPLES:
        grids = [grids[round(k * (len(grids) - 1) / (MAX_SAMPLES - 1))] for k in range(MAX_SAMPLES)]
    last = len(grids) - 1
    pictures = "".join(
        _image(grid, f"step {int(grid.stem.removeprefix('step_')):,}", hidden=number != last)
        for number, grid in enumerate(grids)
    )
    slider = f'<input id="slider" type="range" min="0" max="{last}" value="{last}" aria-label="step">'
    return f'<p>{slider} <span id="step"></span></p><div id="samples">{pictures}</div>'


def _losses(steps: Sequence[Mapping[str, Any]], last_step: int, mark: int | None) -> str:
    if not steps:
        return "<p>No step was done yet.</p>"
    occurring = {name for line in steps for name in line}
    plots, rows = [], []
    for term in (term for term in TERMS if occurring.intersection(term.names)):
        lines = [Line(name, _points((line["step"], line.get(name)) for line in steps)) for name in term.names]
        plots.append(draw(term.title, lines, last_step, mark))
        for name in term.names:  # a loss may have been asked for on the way
            recent = [line[name] for line in steps[-100:] if name in line]
            rows.append(f"<tr><th>{name}</th><td>{sum(recent) / len(recent):.4f}</td></tr>" if recent else "")
    table = f"<details><summary>Means over the last 100 steps</summary><table>{''.join(rows)}</table></details>"
    return f'<div class="curves">{"".join(plots)}</div>{table}'


def _data(sheet: Path) -> str:
    return f"<h2>Data</h2>{_image(sheet, 'pictures of every folder')}" if sheet.is_file() else ""


def _settings(record: Mapping[str, Any]) -> str:
    rows = {"command": record.get("command"), "machine": record.get("hardware"), **record.get("config", {})}
    cells = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in rows.items()
        if value is not None
    )
    return f"<details><summary>All options</summary><table>{cells}</table></details>"


def _image(path: Path, alt: str, *, hidden: bool = False) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(alt)}"{" hidden" if hidden else ""} src="data:image/jpeg;base64,{data}">'
