"""Nothing half-written under its name, nothing lost, nothing left behind: also by processes that are killed."""

from __future__ import annotations

import errno
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from cgtool import files
from cgtool.files import Reservation, publish_folder, remove_leftovers, sync_folder, write_whole, writing
from tests.helpers.writers import ODD_NAMES, child, left, posix

WRITING = """
with writing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    sys.stdin.readline()
"""


# Files


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_appears_when_it_is_whole(tmp_path: Path, name: str) -> None:
    target = tmp_path / "deep" / "down" / name
    with writing(target) as file:
        file.write(b"all of ")
        assert not target.exists()
        [temporary] = left(target.parent)
        assert temporary.startswith(".")
        assert temporary.endswith(".part")
        file.write(b"it")
    assert target.read_bytes() == b"all of it"
    assert left(target.parent) == [name]


def test_what_was_there_stays_until_then_and_if_it_fails(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_whole(target, "Wiese ✓")
    with pytest.raises(TypeError), writing(target) as file:
        file.writelines([b"half", "a text"])  # type: ignore[list-item]
    assert target.read_text(encoding="utf-8") == "Wiese ✓"
    assert left(tmp_path) == ["file"]
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"


@posix
def test_everybody_may_read_it_as_the_umask_has_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_no_overwrite_refuses_what_came_into_being_meanwhile(tmp_path: Path) -> None:
    target = tmp_path / "file"
    reservation = Reservation(target)
    reservation.path.write_bytes(b"mine")
    target.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        reservation.publish(overwrite=False)
    assert target.read_bytes() == b"theirs"
    assert left(tmp_path) == ["file"]


@pytest.mark.parametrize("links", [True, False])
def test_no_overwrite_publishes_where_nothing_is(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    reservation = Reservation(tmp_path / "file")
    reservation.path.write_bytes(b"mine")
    reservation.publish(overwrite=False)
    reservation.give_up()  # too late: nothing happens
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert left(tmp_path) == ["file"]
    other = Reservation(tmp_path / "file")
    with pytest.raises(FileExistsError):
        other.publish(overwrite=False)
    assert left(tmp_path) == ["file"]


def test_a_link_that_leads_nowhere_counts_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        Reservation(tmp_path / "link").publish(overwrite=False)
    assert left(tmp_path) == ["link"]


def test_giving_up_leaves_nothing(tmp_path: Path) -> None:
    reservation = Reservation(tmp_path / "file")
    reservation.give_up()
    reservation.give_up()
    assert left(tmp_path) == []


def test_a_folder_that_can_not_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file" / "below", b"")
    with pytest.raises(OSError, match="file"):
        publish_folder(tmp_path / "file" / "below", {})
    assert left(tmp_path) == ["file"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_whole(tmp_path / "file", b"old")
    publish_folder(tmp_path / "folder", {"a": b"old"})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", b"new")
    with pytest.raises(OSError, match="No space"):
        publish_folder(tmp_path / "folder", {"a": b"new"})
    assert (tmp_path / "file").read_bytes() == (tmp_path / "folder" / "a").read_bytes() == b"old"
    assert left(tmp_path) == ["file", "folder"]


def test_a_folder_that_can_not_be_synced_is_no_failure(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    sync_folder(tmp_path / "absent")


# Leftovers


@posix
@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_bytes(b"old")
    with child(WRITING, os.fsencode(target).decode(errors="surrogateescape")) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert target.read_bytes() == b"old"
    assert len(left(tmp_path)) == 2
    write_whole(target, b"new")
    assert left(tmp_path) == [name]
    assert target.read_bytes() == b"new"


@posix
def test_what_a_living_process_writes_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with child(WRITING, target) as process:
        remove_leftovers(target)
        write_whole(target, b"mine")
        assert len(left(tmp_path)) == 2
        assert target.read_bytes() == b"mine"
        process.communicate("go on\n", timeout=30)
        assert process.returncode == 0
    assert target.read_bytes() == b"half"  # the last one to finish wins, whole
    assert left(tmp_path) == ["file"]


def test_what_another_thread_writes_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "file"
    first, second = Reservation(target), Reservation(target)
    assert {first.path.name, second.path.name} == set(left(tmp_path))
    first.publish()
    second.publish()
    assert left(tmp_path) == ["file"]


def test_only_leftovers_of_this_target_are_removed(tmp_path: Path) -> None:
    others = [".file.part", ".file.01234567.part.txt", ".file.download.part", ".file.mp4.01234567.part", "file.part"]
    long = ("a" * 130, "a" * 130 + "b")
    for name in [*others, ".file.01234567.part"]:
        (tmp_path / name).touch()
    neighbour = files._temporary_name(tmp_path / long[1])
    neighbour.touch()
    remove_leftovers(tmp_path / "file")
    remove_leftovers(tmp_path / long[0])
    assert left(tmp_path) == sorted([*others, neighbour.name])
    remove_leftovers(tmp_path / long[1])
    assert left(tmp_path) == sorted(others)


@posix
def test_odd_things_under_a_leftovers_name_do_no_harm(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    (tmp_path / ".file.00000000.part").symlink_to(precious)
    os.mkfifo(tmp_path / ".file.00000001.part")
    write_whole(tmp_path / "file", b"")
    assert precious.read_bytes() == b"precious"


@posix
def test_without_locks_every_writer_is_taken_for_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".file.01234567.part").touch()
    write_whole(tmp_path / "file", b"mine")
    publish_folder(tmp_path / "folder", {"a": b"mine"})
    assert left(tmp_path) == [".file.01234567.part", "file", "folder"]


@posix
def test_writers_do_not_take_each_others_newborn_files_for_leftovers(tmp_path: Path) -> None:
    """Between making a file and locking it there is a moment; many threads try to hit it."""
    target, errors = tmp_path / "file", []

    def write() -> None:
        try:
            for number in range(40):
                write_whole(target, str(number))
                publish_folder(tmp_path / "folder" / str(threading.get_ident()), {"a": b""})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert left(tmp_path) == ["file", "folder"]
    assert target.read_text() == "39"


@posix
def test_a_newborn_file_that_was_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.lock
    removed: list[Path] = []

    def late(descriptor: int) -> bool | None:
        if len(removed) < 2:
            [path] = [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
            removed.append(path)
            path.rmdir() if path.is_dir() else path.unlink()
        return real(descriptor)

    monkeypatch.setattr(files, "lock", late)
    write_whole(tmp_path / "file", b"mine")
    assert len(removed) == 2
    removed.clear()
    publish_folder(tmp_path / "folder", {"a": b"mine"})
    assert left(tmp_path) == ["file", "folder"]


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_can_not_be_listed_can_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o300)
    try:
        write_whole(tmp_path / "file", b"mine")
        assert (tmp_path / "file").exists()
    finally:
        tmp_path.chmod(0o700)
