"""`report.html`."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from cgtool.training.files.report import MAX_SAMPLES, write_report
from cgtool.training.losses import TERMS

LINE = {"epoch": 1, "seconds": 0.2, "data_seconds": 0.05}


def rows(page: str) -> dict[str, str]:
    return dict(re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", page))


def test_every_loss_is_shown(tmp_path: Path) -> None:
    names = sorted(name for term in TERMS for name in term.names)
    steps = [{"step": step, **LINE, **dict.fromkeys(names, float(step))} for step in (1, 2, 3)]
    write_report(tmp_path / "report.html", "to <winter>", {"lr": 1}, steps)
    page = (tmp_path / "report.html").read_text()
    shown = rows(page)
    assert {name: shown[name] for name in names} == dict.fromkeys(names, "2.0000")
    assert (shown["Step"], shown["Epoch"], shown["Seconds per step"]) == ("3", "2", "0.200")
    assert "to &lt;winter&gt;" in page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_loss_that_came_on_the_way_has_the_mean_of_its_steps(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "x", {}, [{"step": 1, **LINE}, {"step": 2, **LINE, "texture_A": 3.0}])
    shown = rows((tmp_path / "report.html").read_text())
    assert shown["texture_A"] == "3.0000"
    assert "temporal_A" not in shown


def test_many_samples_become_a_few_evenly_between(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for step in range(60):
        Image.new("RGB", (2, 2)).save(tmp_path / "samples" / f"step_{step:08d}.jpg")
    write_report(tmp_path / "report.html", "x", {}, [])
    captions = re.findall(r"<figcaption>Step (\d+)", (tmp_path / "report.html").read_text())
    assert len(captions) == MAX_SAMPLES
    assert (captions[0], captions[-1]) == ("59", "0")
