"""`report.html`."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from cgtool.training.files.report import MAX_SAMPLES, write_report
from cgtool.training.losses import TERMS
from tests.training.judge.test_judgement import judgement

LINE = {"epoch": 1, "seconds": 0.2, "data_seconds": 0.05}


def rows(page: str) -> dict[str, str]:
    return dict(re.findall(r"<tr><th>(.*?)</th><td>(.*?)</td></tr>", page))


def test_every_loss_is_shown_and_drawn(tmp_path: Path) -> None:
    names = sorted(name for term in TERMS for name in term.names)
    steps = [{"step": step, **LINE, **dict.fromkeys(names, float(step))} for step in (1, 2, 3)]
    write_report(tmp_path / "report.html", "to <winter>", {"config": {"lr": 1}, "command": "a < b"}, steps)
    page = (tmp_path / "report.html").read_text()
    shown = rows(page)
    assert {name: shown[name] for name in names} == dict.fromkeys(names, "2.0000")
    assert (shown["lr"], shown["command"]) == ("1", "a &lt; b")
    assert "Step 3, epoch 2" in page
    assert "0.200 s per step" in page
    assert "to &lt;winter&gt;" in page
    assert page.count("<svg") == len(TERMS)
    assert page.count("<polyline") == 2 * len(TERMS)
    assert "Judged" not in page
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_loss_that_came_on_the_way_has_the_mean_of_its_steps(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", "x", {}, [{"step": 1, **LINE}, {"step": 2, **LINE, "texture_A": 3.0}])
    page = (tmp_path / "report.html").read_text()
    shown = rows(page)
    assert shown["texture_A"] == "3.0000"
    assert "temporal_A" not in shown
    assert page.count("<polyline") == 1  # no curve is empty


def test_what_was_judged_comes_first_and_the_kept_step_is_marked(tmp_path: Path) -> None:
    some = [judgement(step, probe=probe) for step, probe in ((5, 0.1), (10, 0.9), (15, 0.4))]
    steps = [{"step": step, **LINE, "D_A": 1.0} for step in range(1, 16)]
    for keep_best in (True, False):
        write_report(tmp_path / "report.html", "x", {"domains": ("day", "dusk")}, steps, some, keep_best=keep_best)
        page = (tmp_path / "report.html").read_text()
        assert page.index("<h2>Judged") < page.index("<h2>Samples") < page.index("<h2>Losses")
        assert ("step 10 (kept)" in page) is keep_best
        assert ('class="kept" x1=' in page) is keep_best
    assert len(re.findall(r"<tr><td>step \d+", page)) == 3
    assert "<td>unchanged pictures</td>" in page
    assert "to dusk" in page


def test_figures_that_are_missing_are_not_drawn(tmp_path: Path) -> None:
    blind = judgement(3, probe=None, kid=None, unchanged_probe=None, unchanged_kid=None)
    write_report(tmp_path / "report.html", "x", {}, [], [blind])
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "(kept)" not in page


def test_many_samples_become_a_few_evenly_between(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    for step in range(60):
        Image.new("RGB", (2, 2)).save(tmp_path / "samples" / f"step_{step:08d}.jpg")
    Image.new("RGB", (2, 2)).save(tmp_path / "data.jpg")
    write_report(tmp_path / "report.html", "x", {}, [])
    page = (tmp_path / "report.html").read_text()
    grids = re.findall(r'<img alt="step (\d+)"( hidden)? src="data:image/jpeg', page)
    assert len(grids) == MAX_SAMPLES
    assert (grids[0], grids[-1]) == (("0", " hidden"), ("59", ""))
    assert all(hidden for _, hidden in grids[:-1])
    assert page.index("<h2>Data") > page.index("<h2>Losses")
    assert f'max="{MAX_SAMPLES - 1}"' in page
