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
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if os.name == "nt":
    _lock: Callable[[int], bool] | None = None
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Lock an open file or folder without waiting; False if another process holds it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: every writer is taken for alive
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
        self.path = target.with_name(f"{_stem(target)}{secrets.token_hex(4)}{_PART}")
        self._descriptor: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        if _lock is not None:
            _lock(self._descriptor)

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
    scratch = target.with_name(f"{_stem(target)}{secrets.token_hex(4)}{_PART}")
    scratch.mkdir()
    with _held(scratch):
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
        middle = path.name.removeprefix(_stem(target)).removesuffix(_PART)
        if len(middle) != 8 or _is_held(path):
            continue
        try:
            if path.is_dir():
                _rescue(path, target)
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except OSError:
            continue  # another one was faster, or Windows holds it


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
def _held(folder: Path) -> Iterator[None]:
    """Keep a folder locked, so that nobody takes it for a leftover."""
    if _lock is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _is_held(path: Path) -> bool:
    if _lock is None:
        return path.is_dir()  # there, removing an open file fails by itself
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _stem(target: Path) -> str:
    """What temporary names of a target begin with. File systems take names of 255 bytes at most."""
    name = target.name.encode()[:120].decode(errors="ignore")
    return f".{name}."


def _glob_escape(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
