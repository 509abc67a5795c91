"""Outputs that are whole or not there, and what is said of those that can't be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.errors import MediaError, OutputExistsError
from cgtool.media.outputs import publish, reserve, write_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_output_appears_when_it_is_published(tmp_path: Path) -> None:
    output = reserve(tmp_path / "deep" / "a.mp4", overwrite=False)
    output.path.write_bytes(b"film")
    assert names(tmp_path / "deep") == [output.path.name]
    publish(output, overwrite=False)
    assert names(tmp_path / "deep") == ["a.mp4"]


def test_an_existing_output_is_refused_before_and_after(tmp_path: Path) -> None:
    output = reserve(tmp_path / "a.mp4", overwrite=False)
    (tmp_path / "a.mp4").write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match=r"a\.mp4: exists already.*--overwrite"):
        reserve(tmp_path / "a.mp4", overwrite=False)
    with pytest.raises(OutputExistsError, match=r"a\.mp4: appeared while it was being made"):
        publish(output, overwrite=False)
    assert names(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"precious"


def test_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    output = reserve(tmp_path / "a.mp4", overwrite=True)
    output.path.write_bytes(b"new")
    publish(output, overwrite=True)
    assert (tmp_path / "a.mp4").read_bytes() == b"new"


def test_what_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (lambda path: reserve(path, overwrite=True), lambda path: write_file(path, b"")):
        with pytest.raises(MediaError, match=r"file/a\.png: can't be written: ") as caught:
            write(tmp_path / "file" / "a.png")
        assert not isinstance(caught.value, OutputExistsError)


def test_dead_writers_leavings_go_and_living_ones_stay(tmp_path: Path) -> None:
    (tmp_path / ".a.mp4.0123abcd.part").write_bytes(b"left over")
    (tmp_path / ".b.mp4.0123abcd.part").write_bytes(b"another's")
    living = reserve(tmp_path / "a.mp4", overwrite=False)
    second = reserve(tmp_path / "a.mp4", overwrite=False)
    assert names(tmp_path) == sorted([living.path.name, second.path.name, ".b.mp4.0123abcd.part"])
    living.give_up()
    second.give_up()
