"""Standard streams that are closed, full, or read by somebody who left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

LIST = f"{sys.executable} -m cgtool models list"


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, cwd=folder, check=False)


pytestmark = pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX is needed")


def test_a_closed_standard_output_is_nothing_to_fail_at(tmp_path: Path) -> None:
    done = run(f"{LIST} >&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_standard_error_and_input(tmp_path: Path) -> None:
    done = run(f"{LIST} 2>&- <&-", tmp_path)
    assert done.returncode == 0
    assert "photo2monet" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", ["", " --json"])
def test_a_full_disk_behind_standard_output_is_told_plainly(options: str, tmp_path: Path) -> None:
    done = run(f"{LIST}{options} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: standard output can't be written: no space left on device\n"


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    done = run(f"{LIST} --json | head -c 1", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_words_of_ours_reach_a_file_whose_number_is_that_of_a_closed_stream(tmp_path: Path) -> None:
    """Closed standard output is number 1, which the next opened file would get."""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"no picture")
    done = run(f"{sys.executable} -m cgtool convert a.png --to winter >&- 2>&-", tmp_path)
    assert done.returncode == 1
    assert picture.read_bytes() == b"no picture"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_picture_for_a_closed_standard_output_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "p.png")
    done = run(f"{sys.executable} -m cgtool convert p.png --to winter --engine identity -o - >&-", tmp_path)
    assert done.returncode == 2
    assert "standard output is closed" in done.stderr
