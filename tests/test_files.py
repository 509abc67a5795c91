"""Files and folders are whole or absent, whoever writes them, and whoever was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cgtool.files import Reservation, publish_folder, remove_leftovers, write_whole, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with writing(target) as file:
        file.write(b"half")
        assert not target.exists()
    write_whole(target, "whole")
    assert (target.read_text(), names(target.parent)) == ("whole", ["file"])


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="irectory"):
        write_whole(tmp_path / "target", b"data")
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "file"):
        raise ZeroDivisionError
    assert names(tmp_path) == ["target"]


def test_what_exists_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    reservation = Reservation(target)
    with pytest.raises(FileExistsError):
        reservation.publish(overwrite=False)
    assert (target.read_text(), names(tmp_path)) == ("old", ["file"])


def test_many_writers_of_one_target_do_not_harm_each_other(tmp_path: Path) -> None:
    """A new temporary file must not be taken for a leftover before it is locked."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_whole(tmp_path / "file", f"{number % 10}" * 1000), range(200)))
        list(pool.map(lambda number: publish_folder(tmp_path / f"f{number % 4}", {"a": b"1"}), range(4)))
    assert len(set((tmp_path / "file").read_text())) == 1
    assert names(tmp_path) == ["f0", "f1", "f2", "f3", "file"]


def test_a_folder_is_replaced_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "folder"
    publish_folder(target, {"a": b"1", "b": b"2"})
    publish_folder(target, {"a": b"3"})
    assert (names(target), (target / "a").read_bytes()) == (["a"], b"3")
    rename = Path.rename

    def failing(path: Path, to: Path) -> Path:
        if path.name == "new":
            raise OSError("the disk is gone")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="gone"):
        publish_folder(target, {"a": b"4"})
    assert (names(tmp_path), (target / "a").read_bytes()) == (["folder"], b"3")


@pytest.mark.skipif(os.name == "nt", reason="Windows can't kill like that")
def test_the_dead_are_cleared_away_and_the_living_are_not(tmp_path: Path) -> None:
    target = tmp_path / "file"
    living = Reservation(target)
    code = f"""
import os, pathlib, signal
from cgtool.files import Reservation
Reservation(pathlib.Path({str(target)!r}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(names(tmp_path)) == 2
    remove_leftovers(target)
    assert names(tmp_path) == [living.path.name]
    living.publish()
    assert names(tmp_path) == ["file"]
