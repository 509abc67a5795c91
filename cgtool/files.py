"""Files and folders that appear under their names only when they are whole.

A file is written under a hidden temporary name beside its target, and renamed when it is complete and on the disk.
Whoever is killed in between leaves the temporary file. The next writer of the same target removes it: a temporary file
is locked as long as its writer lives, and the system drops the lock with the process, however it ended.

Everything here raises plain ``OSError``; callers say what could not be written, in their own words.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)

_PART = ".part"
_LONGEST_NAME = 120
"""Bytes of the target's name that go into a temporary name; file systems take 255, and some bytes are added."""


class Reservation:
    """A temporary file beside a target, which other programs may write to until it is published or given up.

    Attributes:
        target: The file's final name.
        path: The file's present name: hidden, ``.NAME.RANDOM.part``.
    """

    def __init__(self, target: Path) -> None:
        """Make the temporary file, the folders above it too, and remove what dead writers of the target have left.

        Raises:
            OSError: The folder can't be made or written.
        """
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        while True:
            self.path = _temporary_name(target)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if _hold(descriptor, self.path):
                break
            os.close(descriptor)
        self._descriptor: int | None = descriptor

    def publish(self, *, overwrite: bool = True) -> None:
        """Give the file its name, in one step and on the disk.

        Raises:
            FileExistsError: The target exists and is not to be replaced; the temporary file is gone.
            OSError: The disk is full, say; the temporary file is still there.
        """
        assert self._descriptor is not None, "published or given up already"
        os.fsync(self._descriptor)
        if os.name == "nt":
            self._release()  # an open file can't be renamed there
        if overwrite:
            self.path.replace(self.target)
        else:
            try:
                _rename_to_new(self.path, self.target)
            except FileExistsError:
                self.give_up()
                raise
        self._release()
        sync_folder(self.target.parent)

    def give_up(self) -> None:
        """Remove the temporary file; nothing happens if it has been published."""
        self._release()
        self.path.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """Write a file piece by piece: it gets its name when the block ends, and is removed if the block fails.

    Raises:
        OSError: It can't be written.
    """
    reservation = Reservation(target)
    try:
        with reservation.path.open("wb") as file:
            yield file
        reservation.publish()
    except BaseException:
        reservation.give_up()
        raise


def write_whole(target: Path, data: bytes | str) -> None:
    """Write a file (text as UTF-8), replacing a former one.

    Raises:
        OSError: It can't be written.
    """
    with writing(target) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def publish_folder(target: Path, contents: Mapping[str, bytes], *, overwrite: bool = True) -> None:
    """Write a folder of files. A former folder of that name is replaced whole, or stays as it was.

    Folders can't be swapped in one step: the former one is moved aside, the new one moved in. If the second step fails,
    the first is undone. If the process is killed between the two, the next writer undoes it.

    Args:
        target: The folder.
        contents: Its files by name.
        overwrite: Replace a former folder.

    Raises:
        FileExistsError: There is a former folder and it is not to be replaced.
        OSError: It can't be written. What was there before is there again.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    with _scratch_folder(target) as scratch:
        new = scratch / "new"
        new.mkdir()
        for name, data in contents.items():
            with (new / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(new)
        if os.path.lexists(target):
            if not overwrite:
                raise FileExistsError(f"{target} exists")
            target.rename(scratch / "old")
        new.rename(target)
    sync_folder(target.parent)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files that dead writers of a target have left, and never what a living one is writing."""
    pattern = re.compile(re.escape(_stem(target)) + "[0-9a-f]{8}" + re.escape(_PART), re.DOTALL)
    try:
        leftovers = [path for path in target.parent.iterdir() if pattern.fullmatch(path.name)]
    except OSError:  # a folder that may be written but not listed
        return
    for path in leftovers:
        with suppress(OSError):  # another process was faster, or Windows holds it
            _remove_if_dead(path, target)


def sync_folder(folder: Path) -> None:
    """Have renames in a folder written to the disk, where the system can do that."""
    if os.name == "nt":
        return  # Windows can't open folders, and renames there are durable
    with suppress(OSError):  # network and FUSE file systems may refuse; the file has its name all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _scratch_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside a target, locked; when the block ends, ``old`` in it is put back if it is missed."""
    while True:
        scratch = _temporary_name(target)
        scratch.mkdir()
        descriptor = None if os.name == "nt" else os.open(scratch, os.O_RDONLY)
        if descriptor is None or _hold(descriptor, scratch):
            break
        os.close(descriptor)
    try:
        yield scratch
    finally:
        try:
            _remove_scratch(scratch, target)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _remove_scratch(scratch: Path, target: Path) -> None:
    """Remove a scratch folder, but first put back the former folder if nothing took its place.

    If that fails, the former folder stays where it is: better a hidden folder than none.
    """
    if os.path.lexists(scratch / "old") and not os.path.lexists(target):
        (scratch / "old").rename(target)
        logger.debug("%s: put back, its replacement was not completed", target)
    shutil.rmtree(scratch, ignore_errors=True)


def _remove_if_dead(path: Path, target: Path) -> None:
    if os.name == "nt":
        if not path.is_dir():
            path.unlink()  # fails by itself if somebody has the file open
        return
    # Network file systems lock exclusively only what is open for writing; folders can't be opened so.
    mode = os.O_RDONLY if path.is_dir() else os.O_RDWR
    descriptor = os.open(path, mode | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not lock(descriptor):
            return
        # Still locked while it is removed: nobody can begin to use it in between.
        if path.is_dir():
            _remove_scratch(path, target)
        else:
            path.unlink()
        logger.debug("%s: removed, whoever wrote it is gone", path)
    finally:
        os.close(descriptor)


def _hold(descriptor: int, path: Path) -> bool:
    """Lock a temporary file or folder that was just made; False if another process took it for a leftover first."""
    if os.name == "nt":
        return True
    if lock(descriptor) is False:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if os.name == "nt":

    def lock(descriptor: int) -> bool | None:
        """Windows has no such locks: nothing can be told."""
        return None
else:
    import fcntl

    def lock(descriptor: int) -> bool | None:
        """Lock an open file or folder without waiting.

        Returns:
            False if another process holds it. None on a file system without locks: every writer is taken for alive.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a folder to this process; it is made if it does not exist. The claim ends with the process, however it ends.

    Raises:
        BlockingIOError: Another process has claimed it.
        OSError: It can't be made or opened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "nt":  # folders can't be opened there
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if lock(descriptor) is False:
            raise BlockingIOError(f"{folder} is in use")
        yield
    finally:
        os.close(descriptor)


def _rename_to_new(path: Path, target: Path) -> None:
    """Rename a file to a name that is free; ``FileExistsError`` if it isn't."""
    try:
        os.link(path, target)  # unlike a rename, never replaces anything
    except FileExistsError:
        raise
    except OSError:  # a file system without links: look first
        if os.path.lexists(target):
            raise FileExistsError(f"{target} exists") from None
        path.rename(target)
    else:
        path.unlink()


def _temporary_name(target: Path) -> Path:
    return target.with_name(f"{_stem(target)}{secrets.token_hex(4)}{_PART}")


def _stem(target: Path) -> str:
    """The beginning of a target's temporary names; long names are cut and told apart by a hash."""
    name = os.fsencode(target.name)
    if len(name) <= _LONGEST_NAME:
        return f".{target.name}."
    return f".{name[:_LONGEST_NAME].decode(errors='ignore')}~{hashlib.sha256(name).hexdigest()[:12]}."
