"""What was tried at equal CPU time, of made runs."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cgtool.training.files.metrics import MetricsLog, StepMetrics
from tests.benchmarks.models.tried import main, read_run
from tests.training.judge.test_judgement import judgement


def made(root: Path, name: str, cpu: float, steps: int = 40, **options: Any) -> Path:  # noqa: ANN401
    """A run whose steps take so much CPU time, judged every 10 steps, with a probe of a hundredth per step."""
    folder = root / name
    folder.mkdir()
    config = {"lr": 0.0002, "temporal_weight": 0.0, **options}
    (folder / "run.json").write_text(json.dumps({"name": name, "domains": ["day", "night"], "config": config}))
    with closing(MetricsLog(folder, 0)) as log:
        for step in range(1, steps + 1):
            log.write(StepMetrics(step, 0, 0.1, 720.0, 0.0, {"D_A": 1.0}, cpu))
            if step % 10 == 0:
                log.write_judgement(judgement(step, probe=step / 100))
    return folder


def rows(output: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.splitlines() if line[:1] == "|"]
    assert len({len(row) for row in cells}) == 1
    return {row[0]: row[1:] for row in cells}


def test_runs_are_compared_at_the_shortest_ones_cpu_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick, slow = made(tmp_path, "quick", 360.0), made(tmp_path, "slow", 720.0, steps=25, temporal_weight=5.0)
    main([str(quick), str(slow)])
    output = capsys.readouterr().out
    assert output.startswith("Judged after 4.00 CPU hours:\n")  # 40 steps of the one, 20 of the other
    found = rows(output)
    assert found["quick"][:5] == ["`--temporal-weight 0.0`", "4.00", "40", "0.467", "0.40"]
    assert found["slow"][:5] == ["`--temporal-weight 5.0`", "4.00", "20", "0.400", "0.20"]
    main([str(quick), str(slow), "--hours", "2.5"])
    found = rows(capsys.readouterr().out)
    assert [found[name][1:3] for name in ("quick", "slow")] == [["2.00", "20"], ["2.00", "10"]]
    main([str(quick), str(slow), "--hours", "1.5"])
    assert rows(capsys.readouterr().out)["slow"][1] == "not judged by then"


def test_metrics_of_before_count_the_wall_clock(tmp_path: Path) -> None:
    run = read_run(made(tmp_path, "old", 0.0))
    assert not run.measured
    assert [seconds for seconds, _ in run.judged] == [7200.0, 14400.0, 21600.0, 28800.0]


def test_what_is_no_run_or_was_not_judged_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no run's folder"):
        read_run(tmp_path)
    with pytest.raises(SystemExit, match="nothing was judged"):
        read_run(made(tmp_path, "young", 1.0, steps=5))
