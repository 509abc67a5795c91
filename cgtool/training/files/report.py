"""`report.html`: one page with everything in it, so that it opens from a file manager and can be mailed."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cgtool.files import write_whole
from cgtool.training.losses import TERMS

MAX_SAMPLES = 24
"""Grids in a report: the first, the last, and those evenly between."""

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1500px; margin: 2rem auto; padding: 0 1rem; }
img { max-width: 100%; height: auto; border-radius: 4px; background: white; }
table { border-collapse: collapse; } td, th { padding: .15rem .9rem .15rem 0; text-align: left; }
td:last-child { font-variant-numeric: tabular-nums; } summary { cursor: pointer; font-weight: 600; }
figure { margin: 0 0 2rem; } figcaption { font-weight: 600; margin-bottom: .3rem; }
"""


def write_report(path: Path, title: str, record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> None:
    """Write the report of a run from what lies in its folder.

    Args:
        path: The HTML file; `losses.png` and `samples/` lie beside it.
        title: The run's name.
        record: What `run.json` says.
        steps: The metrics, as `cgtool.training.files.metrics.read_metrics` gives them.

    Raises:
        OSError: It can't be written, or a picture can't be read.
    """
    grids = sorted((path.parent / "samples").glob("step_*.jpg"))
    if len(grids) > MAX_SAMPLES:
        grids = [grids[round(k * (len(grids) - 1) / (MAX_SAMPLES - 1))] for k in range(MAX_SAMPLES)]
    figures = "\n".join(
        f"<figure><figcaption>Step {int(grid.stem.removeprefix('step_')):,}</figcaption>{_image(grid)}</figure>"
        for grid in reversed(grids)
    )
    losses = path.parent / "losses.png"
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{html.escape(title)}</h1>
{_summary(steps)}
<h2>Losses</h2>
{_image(losses) if losses.is_file() else "<p>No step was done yet.</p>"}
<h2>Samples, newest first</h2>
{figures or "<p>None yet.</p>"}
<details><summary>Configuration</summary><pre>{html.escape(json.dumps(record, indent=2, ensure_ascii=False))}</pre>
</details></body></html>
"""
    write_whole(path, page)


def _summary(steps: Sequence[Mapping[str, Any]]) -> str:
    if not steps:
        return ""
    recent = steps[-100:]
    seconds = sum(line["seconds"] for line in recent) / len(recent)
    waiting = sum(line["data_seconds"] for line in recent) / len(recent)
    rows = {
        "Step": f"{steps[-1]['step']:,}",
        "Epoch": str(steps[-1]["epoch"] + 1),
        "Seconds per step": f"{seconds:.3f}",
        "of these waiting for images": f"{waiting:.4f}",
    }
    for name in (name for term in TERMS for name in sorted(term.names) if name in steps[-1]):
        values = [line[name] for line in recent if name in line]  # a loss may have been asked for on the way
        rows[name] = f"{sum(values) / len(values):.4f}"
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<p>Means over the last {len(recent)} steps:</p><table>{cells}</table>"


def _image(path: Path) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(path.stem)}" src="data:image/{kind};base64,{data}">'
