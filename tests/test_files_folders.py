"""Folders are published whole: the former one comes back whenever the new one does not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cgtool.files import claimed, publish_folder, remove_leftovers
from tests.helpers.writers import ODD_NAMES, child, left, posix


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_appears_when_it_is_whole_and_is_replaced_whole(tmp_path: Path, name: str) -> None:
    target = tmp_path / "deep" / name
    publish_folder(target, {"a": b"1", "b": b"2"})
    (target / "made by others").mkdir()
    publish_folder(target, {"a": b"3"})
    assert left(target) == ["a"]
    assert (target / "a").read_bytes() == b"3"
    assert left(target.parent) == [name]


def test_an_existing_folder_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    publish_folder(tmp_path / "folder", {"a": b"old"}, overwrite=False)
    with pytest.raises(FileExistsError):
        publish_folder(tmp_path / "folder", {"a": b"new"}, overwrite=False)
    assert (tmp_path / "folder" / "a").read_bytes() == b"old"
    assert left(tmp_path) == ["folder"]


def failing_rename(monkeypatch: pytest.MonkeyPatch, failures: set[str]) -> None:
    """Renames of these names fail."""
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name in failures:
            raise OSError(errno.EIO, f"renaming {self.name} failed")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)


def test_the_former_folder_is_back_when_the_second_rename_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    publish_folder(target, {"a": b"old", "engine": b"compiled"})
    failing_rename(monkeypatch, {"new"})
    with pytest.raises(OSError, match="renaming new failed"):
        publish_folder(target, {"a": b"new"})
    assert left(target) == ["a", "engine"]
    assert (target / "a").read_bytes() == b"old"
    assert left(tmp_path) == ["folder"]


def test_the_former_folder_is_not_lost_when_putting_it_back_fails_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    publish_folder(target, {"a": b"old"})
    with monkeypatch.context() as patch:
        failing_rename(patch, {"new", "old"})
        with pytest.raises(OSError, match="failed"):
            publish_folder(target, {"a": b"new"})
    [scratch] = tmp_path.iterdir()
    assert (scratch / "old" / "a").read_bytes() == b"old"
    remove_leftovers(target)
    assert left(tmp_path) == ["folder"]
    assert (target / "a").read_bytes() == b"old"


def test_a_folder_is_claimed_by_one_process(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "seasons"
    claiming = "with claimed(Path(sys.argv[1])):\n    print('ready', flush=True)\n    sys.stdin.readline()\n"
    with child(claiming, folder), pytest.raises(BlockingIOError), claimed(folder):
        pass
    with claimed(folder):  # that process was killed
        assert left(folder) == []


REPLACING = """
rename = Path.rename
def stopping(self, target):
    if self.name == "new":
        print("ready", flush=True)
        sys.stdin.readline()
    return rename(self, target)
Path.rename = stopping
publish_folder(Path(sys.argv[1]), {"a": b"new"})
"""


@posix
@pytest.mark.parametrize("fate", ["killed", "alive"])
def test_a_process_between_the_two_renames(tmp_path: Path, fate: str) -> None:
    target = tmp_path / "folder"
    publish_folder(target, {"a": b"old"})
    with child(REPLACING, target) as process:
        assert not target.exists()
        if fate == "killed":
            process.kill()
            process.wait()
            remove_leftovers(target)
            assert (target / "a").read_bytes() == b"old"
        else:
            remove_leftovers(target)
            assert not target.exists()
            process.communicate("go on\n", timeout=30)
            assert (target / "a").read_bytes() == b"new"
    assert left(tmp_path) == ["folder"]


@posix
def test_a_dead_writers_scratch_folder_does_not_replace_what_is_there(tmp_path: Path) -> None:
    scratch = tmp_path / ".folder.01234567.part"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "a").write_bytes(b"older")
    publish_folder(tmp_path / "folder", {"a": b"newer"})
    assert (tmp_path / "folder" / "a").read_bytes() == b"newer"
    (tmp_path / ".folder.76543210.part" / "old").mkdir(parents=True)
    remove_leftovers(tmp_path / "folder")
    assert left(tmp_path) == ["folder"]
    assert (tmp_path / "folder" / "a").read_bytes() == b"newer"
