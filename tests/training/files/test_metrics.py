"""Metrics that go with checkpoints."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from cgtool.errors import CgtoolError
from cgtool.training.files.loggers import LoggedRun, TensorBoard
from cgtool.training.files.metrics import MetricsLog, StepMetrics, cut_metrics, read_judgements, read_metrics
from tests.training.judge.test_judgement import judgement


def metrics(step: int) -> StepMetrics:
    names = ("G_A_to_B", "G_B_to_A", "cycle_A", "cycle_B", "D_A", "D_B")
    return StepMetrics(step, 0, 2e-4, 0.1, 0.01, dict.fromkeys(names, 1 / step))


def test_metrics_after_the_checkpoint_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    loggers = {"tensorboard": TensorBoard(LoggedRun(tmp_path, "toy", "1", 0, {}))}
    with closing(MetricsLog(tmp_path, 0, loggers)) as log:
        for step in range(1, 8):
            log.write(metrics(step))
        log.sync()
    with path.open("a") as file:
        file.write('{"step": 8, "epo')  # killed while it wrote
    with closing(MetricsLog(tmp_path, 5)) as log:
        for step in range(6, 10):
            log.write(metrics(step))
        log.sync()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 10))
    assert [line["D_A"] for line in lines] == [1 / step for step in range(1, 10)]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["metrics.jsonl", "tensorboard"]


def test_judgements_stand_among_the_steps_and_are_cut_with_them(tmp_path: Path) -> None:
    with closing(MetricsLog(tmp_path, 0)) as log:
        for step in range(1, 7):
            log.write(metrics(step))
            if step % 2 == 0:
                log.write_judgement(judgement(step, probe=step / 10))
    with closing(MetricsLog(tmp_path, 4)):
        pass
    path = tmp_path / "metrics.jsonl"
    assert [line["step"] for line in read_metrics(path)] == [1, 2, 3, 4]
    assert read_judgements(path) == [judgement(2, probe=0.2), judgement(4, probe=0.4)]


def test_metrics_with_a_gap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 4)))
    with pytest.raises(CgtoolError, match="not all there"):
        cut_metrics(path, 4)
    cut_metrics(path, 2)
    assert len(read_metrics(path)) == 2
