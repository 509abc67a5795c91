"""``cgtool measure``: figures as a table, as JSON, as a picture; refusals in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cgtool.cli.measure import measure as command
from cgtool.errors import MediaError
from tests.helpers.probe import make

FIELDS = {"warp_error", "source_warp_error", "brightness_flicker", "colour_flicker", "edges", "change"}


@pytest.fixture(scope="module")
def short(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of real footage, small, lossless."""
    path = tmp_path_factory.mktemp("short") / "short.mkv"
    return make(path, "-i", bunny, "-frames:v", "5", "-an", "-vf", "scale=160:90", "-c:v", "ffv1")


@pytest.fixture(scope="module")
def still(short: Path) -> Path:
    return make(short.with_name("still.mkv"), "-i", short, "-frames:v", "1", "-c:v", "ffv1")


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_names_figures_and_protocol(short: Path) -> None:
    shown = run(short, short)
    assert f"{short} -> {short}: 5 frames" in shown
    assert "E_warp of the result" in shown
    assert "DIS" in shown, "the protocol is named"


def test_json_has_every_figure_and_the_protocol(short: Path) -> None:
    told = json.loads(run(short, short, "--json"))
    assert (told["source"], told["result"], told["frames"]) == (str(short), str(short), 5)
    assert set(told) >= FIELDS
    assert told["change"] == 0
    assert "E_warp" in told["protocol"]


def test_a_single_frame_has_no_steadiness(still: Path) -> None:
    assert "not measurable" in run(still, still)
    told = json.loads(run(still, still, "--json"))
    assert told["warp_error"] is None
    assert told["brightness_flicker"] is None
    assert told["edges"] == pytest.approx(1)


def test_a_missing_file_is_told(short: Path) -> None:
    done = CliRunner().invoke(command, [str(short), str(short.with_name("absent.mp4"))])
    assert isinstance(done.exception, MediaError)
    assert "no such file" in str(done.exception)
