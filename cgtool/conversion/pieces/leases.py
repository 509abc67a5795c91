"""Leases: the right to work on something, held only as long as its holder lives. No server, only files on a disk.

A lease is a file that its holder touches every few seconds. Whoever finds one that nobody has touched for long takes
it over. On the holder's own machine that is known at once, since the system drops the file's lock with the process.
Ages are told by the disk's own clock: machines' clocks may differ.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from cgtool.files import lock

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
ABANDONED_SECONDS = 30.0
"""A lease that was not touched for this long has no living holder."""


class Lease:
    """A lease that is held until it is released, or the process ends. Made by `take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._released = threading.Event()
        threading.Thread(target=self._beat, name="cgtool-lease", daemon=True).start()

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):
                os.utime(self._path)

    @property
    def is_held(self) -> bool:
        """Whether nobody has taken it over, which happens to those that sleep."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Give it back. Releasing twice is allowed."""
        if not self._released.is_set():
            self._released.set()
            with suppress(OSError):
                if self.is_held:
                    self._path.unlink()
            os.close(self._descriptor)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def take(path: Path) -> Lease | None:
    """Take a lease.

    Args:
        path: Its file, in a folder that all who may want it see.

    Returns:
        None if a living holder has it.

    Raises:
        OSError: The file can't be made.
    """
    if path.exists():
        if not is_abandoned(path):
            return None
        # Renaming succeeds for one of all who try.
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return None
        aside.unlink(missing_ok=True)
        logger.debug("%s: taken over, its holder is gone", path)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    if lock(descriptor) is False:  # somebody looks at it, and takes it for abandoned
        os.close(descriptor)
        return None
    os.write(descriptor, json.dumps({"machine": _machine(), "process": os.getpid()}).encode())
    return Lease(path, descriptor)


def is_abandoned(path: Path) -> bool:
    """Whether a lease's holder is gone; false if there is no such lease."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if _holder(descriptor).get("machine") == _machine() and (free := lock(descriptor)) is not None:
            return free
        return _now(path.parent) - os.fstat(descriptor).st_mtime > ABANDONED_SECONDS
    finally:
        os.close(descriptor)


def holder(path: Path) -> str:
    """Words for who holds a lease."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return "another process"
    try:
        found = _holder(descriptor)
    finally:
        os.close(descriptor)
    return f"process {found.get('process', '?')} on {found.get('machine', '?').partition('/')[0]}"


def _holder(descriptor: int) -> dict[str, str]:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:  # it was only just made
        return {}
    return found if isinstance(found, dict) else {}


def _machine() -> str:
    """This machine's name, and which run of it: a machine that was started again holds nothing."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()}/{boot}"


def _now(folder: Path) -> float:
    """The time by the clock that stamps a folder's files."""
    probe = folder / f".{secrets.token_hex(4)}.now"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
