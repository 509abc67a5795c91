"""Watch a folder: convert what has stopped growing, as long as it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from cgtool.backends.selection import open_backend
from cgtool.conversion.events import Event
from cgtool.conversion.jobs import Job, plan_folder
from cgtool.conversion.request import WatchRequest
from cgtool.errors import UsageError
from cgtool.media.containers import CONTAINERS
from cgtool.tasks.convert import BackendOpener, convert, lay_out

_IDLE_SECONDS = 10.0
"""How often to look without being told: not every file system tells of what other machines write."""

_State = tuple[int, int]
"""Of a file: bytes, and when it was modified."""


def watch(request: WatchRequest, *, opener: BackendOpener = open_backend) -> Iterator[Event]:
    """Convert what is in a folder and what comes, telling what happens. The engine stays open between files.

    Args:
        request: What was asked for.
        opener: Opens the engine, when the first file needs it.

    Raises:
        CgtoolError: As `cgtool.tasks.convert.convert`.
    """
    batch = lay_out(request, jobs=())
    root = Path(request.input_names[0])
    with _woken_by_changes(root, request.recursive) as wait:
        jobs = (_checked(job, request) for job in settled(request, wait))
        yield from convert(batch, jobs, opener=opener)


def settled(
    request: WatchRequest, wait: Callable[[float], None], clock: Callable[[], float] = time.monotonic
) -> Iterator[Job]:
    """Files of a folder that have no result yet, each when it has stopped changing.

    Args:
        request: Which folder, and for how long a file must not have changed.
        wait: Waits for so many seconds, or less where something has changed.
        clock: Gives seconds that never go back.
    """
    root, output = Path(request.input_names[0]), Path(request.output or "")
    seen: dict[Path, tuple[_State, float]] = {}
    given: dict[Path, _State] = {}
    while True:
        ready, waits = [], []
        for job in plan_folder(root, output, recursive=request.recursive):
            state = _state(job.source)
            if job.source is None or state is None or given.get(job.source) == state:
                continue
            if job.target is not None and job.target.exists():
                continue
            before, since = seen.get(job.source, (None, 0.0))
            if before != state:
                since = clock()
                seen[job.source] = state, since
            left = request.settle - (clock() - since)
            if left <= 0:
                ready.append((job, state))
            else:
                waits.append(left)
        for job, state in ready:
            if job.source is not None and _state(job.source) == state:  # else it has changed while others were made
                given[job.source] = state
                yield job
        if ready:
            continue
        if not waits and request.once:
            return
        wait(min([*waits, _IDLE_SECONDS]))


def _checked(job: Job, request: WatchRequest) -> Job:
    """A job, with an error if its container can't be written as it was asked for."""
    try:
        if job.target is not None and not job.is_image:
            request.check(CONTAINERS[job.target.suffix.lower()])
    except UsageError as error:
        return replace(job, target=None, error=error)
    return job


def _state(path: Path | None) -> _State | None:
    """A file's state; None if there is nothing in it, or it has gone."""
    try:
        told = None if path is None else path.stat()
    except OSError:
        return None
    return None if told is None or told.st_size == 0 else (told.st_size, told.st_mtime_ns)


class _Waker(FileSystemEventHandler):
    """Sets a flag whenever something happens."""

    def __init__(self) -> None:
        self.happened = threading.Event()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Whatever it is: the folder is looked through again."""
        self.happened.set()


@contextmanager
def _woken_by_changes(root: Path, recursive: bool) -> Iterator[Callable[[float], None]]:
    """A function that waits for so many seconds, or until something changes in a folder."""
    waker = _Waker()
    observer = Observer()
    observer.schedule(waker, str(root), recursive=recursive)
    with suppress(OSError):  # the system's limit of watched folders is reached, say: then it is looked through in turn
        observer.start()

    def wait(seconds: float) -> None:
        if waker.happened.wait(seconds):
            time.sleep(min(seconds, 0.2))  # a copy tells of every block that it writes
        waker.happened.clear()

    try:
        yield wait
    finally:
        observer.stop()
        if observer.is_alive():
            observer.join()
