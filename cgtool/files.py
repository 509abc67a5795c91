"""Files and folders that appear under their names only when they are whole.

A file is written under a hidden temporary name beside its target, and renamed when it is complete and on the disk.
Whoever is killed in between leaves the temporary file. The next writer of the same target removes it: a temporary file
is locked as long as its writer lives, and the system drops the lock with the process, however it ended.

Everything here raises plain ``OSError``; callers say what could not be written, in their own words.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if os.name == "nt":
    _lock: Callable[[int, bool], bool] | None = None
else:
    import fcntl

    def _lock(descriptor: int, wait: bool) -> bool:
        """Lock an open file or folder; False if another writer holds it, and where the file system has no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            return False
        return True


_PART = ".part"


class Reservation:
    """A temporary file beside a target, which other programs may write to until it is published or given up.

    Attributes:
        target: What it will be called.
        path: What it is called now: hidden, ``.NAME.RANDOM.part`` (and the target's suffix where that is asked for).
    """

    def __init__(self, target: Path) -> None:
        """Make the temporary file, the folders above it too, and remove what dead writers of the target have left.

        Raises:
            OSError: The folder can't be made or written.
        """
        self.target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
        self._descriptor: int | None = None
        while self._descriptor is None:
            self.path = _new_name(target)
            self._descriptor = _claimed(self.path, os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))

    def publish(self, *, overwrite: bool = True) -> None:
        """Give the file its name, in one step and on the disk.

        Raises:
            FileExistsError: The target exists and is not to be replaced; the temporary file is gone.
            OSError: The disk is full, say.
        """
        assert self._descriptor is not None
        os.fsync(self._descriptor)
        if os.name == "nt":
            self._release()  # an open file can't be renamed there
        if not overwrite and os.path.lexists(self.target):
            self.give_up()
            raise FileExistsError(f"{self.target} exists")
        self.path.replace(self.target)
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


def publish_folder(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files. A former folder of that name is replaced whole, or stays as it was.

    Args:
        target: The folder.
        contents: Its files by name.

    Raises:
        OSError: It can't be written; what was there before is there again.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    with _scratch_folder(target) as scratch:
        new, old = scratch / "new", scratch / "old"
        try:
            new.mkdir()
            for name, data in contents.items():
                with (new / name).open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            if os.path.lexists(target):
                target.rename(old)
            try:
                new.rename(target)
            except BaseException:
                if os.path.lexists(old):
                    old.rename(target)
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    sync_folder(target.parent)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files that dead writers of a target have left, and never what a living one is writing."""
    for path in target.parent.glob(f"{_glob_escape(_stem(target))}*{_PART}"):
        if len(path.name.removeprefix(_stem(target)).removesuffix(_PART)) == 8:
            with suppress(OSError):  # another one was faster, or Windows holds it
                _remove_if_dead(path, target)


def _remove_if_dead(path: Path, target: Path) -> None:
    """Remove a temporary file or folder under its lock, so that nobody begins with it meanwhile."""
    if _lock is None and path.is_dir():
        return  # Windows has no locks on folders; removing an open file fails there by itself
    descriptor = None if _lock is None else os.open(path, os.O_RDONLY)
    try:
        if _lock is not None and descriptor is not None and not _lock(descriptor, False):
            return
        if path.is_dir():
            _rescue(path, target)
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make sure that renames in a folder are on the disk."""
    if os.name == "nt":
        return  # Windows can't open folders, and renames there are durable
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rescue(scratch: Path, target: Path) -> None:
    """Put back a folder whose replacement was killed between its two renames."""
    if (scratch / "old").exists() and not os.path.lexists(target):
        (scratch / "old").rename(target)


@contextmanager
def _scratch_folder(target: Path) -> Iterator[Path]:
    """A new folder beside a target, locked, so that nobody takes it for a leftover."""
    while True:
        scratch = _new_name(target)
        scratch.mkdir()
        if _lock is None:
            yield scratch
            return
        with suppress(FileNotFoundError):  # another writer removed it before it was locked: again
            descriptor = _claimed(scratch, os.open(scratch, os.O_RDONLY))
            if descriptor is not None:
                break
    try:
        yield scratch
    finally:
        os.close(descriptor)


def _claimed(path: Path, descriptor: int) -> int | None:
    """Lock what was just made; None (and closed) if another writer saw it before that, and removed it for dead."""
    if _lock is None:
        return descriptor
    _lock(descriptor, True)  # whoever holds it is looking whether it is a leftover, and lets go at once
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    os.close(descriptor)
    return None


def _new_name(target: Path) -> Path:
    return target.with_name(f"{_stem(target)}{secrets.token_hex(4)}{_PART}")


def _stem(target: Path) -> str:
    """What temporary names of a target begin with. File systems take names of 255 bytes at most."""
    name = target.name.encode()[:120].decode(errors="ignore")
    return f".{name}."


def _glob_escape(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
