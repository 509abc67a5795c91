"""The losses' plot."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from cgtool.training.files.plot import plot_losses
from cgtool.training.losses import TERMS


def titles(path: Path, names: set[str], monkeypatch: pytest.MonkeyPatch, count: int = 100) -> list[str]:
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Figure, "savefig", keep)
    plot_losses([{"step": step, **dict.fromkeys(names, 1 / step)} for step in range(1, count + 1)], path)
    assert path.read_bytes().startswith(b"\x89PNG")
    return [axis.get_title() for axis in figures[-1].axes if axis.get_title()]


def test_every_loss_that_a_run_has_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = {name for term in TERMS for name in term.names}
    assert titles(tmp_path / "losses.png", every, monkeypatch) == [term.title for term in TERMS]
    paper = {name for term in TERMS for name in term.names if term.name in ("G", "D", "cycle", "identity")}
    assert titles(tmp_path / "losses.png", paper, monkeypatch) == [term.title for term in TERMS[:4]]
    assert [file.name for file in tmp_path.iterdir()] == ["losses.png"]


def test_a_run_without_steps_can_be_plotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(titles(tmp_path / "losses.png", set(), monkeypatch, count=0)) == 1
