"""A training's events as lines, where there is no terminal."""

from __future__ import annotations

import pytest

from cgtool.cli.train_screen import TrainScreen
from cgtool.training.files.metrics import StepMetrics
from cgtool.training.loop import Progress


def progress(step: int, losses: dict[str, float]) -> Progress:
    metrics = StepMetrics(step, 0, 2e-4, 0.5, 0.1, losses)
    return Progress(metrics, total_steps=20, total_epochs=2, images_per_second=4.0, data_share=0.2, seconds_left=3661.0)


def test_progress_is_a_line_now_and_then_with_means_of_both_halves(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainScreen(quiet=False) as screen:
        for step in (1, 2, 20):
            screen.show(progress(step, {"G_A_to_B": 1.0, "G_B_to_A": 2.0, "rims_A": 9.0}))
    first, last = capsys.readouterr().out.splitlines()
    assert first == (
        "step 1/20, epoch 1/2, 4.0 images/s, waiting for images 20%; G 1.500, 1 h 01 min left"
    )  # step 2 came within seconds
    assert last.startswith("step 20/20, ")


def test_quiet_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainScreen(quiet=True) as screen:
        screen.show(progress(20, {}))
    assert capsys.readouterr() == ("", "")
