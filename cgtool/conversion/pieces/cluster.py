"""Ray: files and segments as tasks of a cluster, which are tried again elsewhere when a machine is lost.

A task does what a process with ``--part`` does, for one segment: it takes its lease, makes it, and records it in the
work folder. So nothing that was finished is lost with a machine, nor with the cluster. Work folders are on a disk that
all machines share; or sources go through Ray's object store to each machine once, and segments come back that way.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from cgtool.conversion.events import Advanced, Event, Finished, Note, Result
from cgtool.conversion.jobs import Job
from cgtool.conversion.pieces.segmented import Segmentation
from cgtool.conversion.pieces.unfinished import WorkFolder
from cgtool.errors import ClusterError, MediaError, first_line
from cgtool.extras import require
from cgtool.files import Reservation, write_whole

logger = logging.getLogger(__name__)

Work = Callable[[Job, Segmentation], Iterator[Event]]
"""Makes a share of a file, telling what happens. It is sent to the machines, so it must hold nothing of this one."""

MOST_CPUS = 4
"""CPUs that a task asks for, on machines that have so many: decoding, network, smoothing, detail and encoding."""
_RETRIES = 5
_TELL_SECONDS = 0.5
_CHUNK_BYTES = 64 << 20
_GOODBYE_SECONDS = 5.0
_KNOCK_SECONDS = 10.0


class Board:
    """How far each segment is, as their makers tell it: an actor, which the machines write to."""

    def __init__(self) -> None:
        self._told: dict[str, dict[int, Advanced]] = {}

    def tell(self, key: str, number: int, advanced: Advanced) -> None:
        """Note how far a segment of a file is; the last word counts."""
        self._told.setdefault(key, {})[number] = advanced

    def read(self, key: str) -> dict[int, Advanced]:
        """How far a file's segments are, by their numbers."""
        return self._told.get(key, {})


@dataclass(frozen=True)
class Parcel:
    """A source that is sent to the machines.

    Attributes:
        chunks: Its bytes, in Ray's object store.
        mtime_ns: When it was changed, which is part of what its segments are made of.
    """

    chunks: Sequence[Any]
    mtime_ns: int

    def unpack(self, path: Path) -> None:
        """Write it to a file of this machine, once."""
        if path.exists():
            return
        output = Reservation(path)
        try:
            with output.path.open("wb") as file:
                for chunk in self.chunks:
                    file.write(_fetched(chunk))
            os.utime(output.path, ns=(self.mtime_ns, self.mtime_ns))
            output.publish()
        finally:
            output.give_up()


def _fetched(chunk: Any) -> bytes:  # noqa: ANN401 - Ray's reference
    import ray

    content: bytes = ray.get(chunk)
    return content


@dataclass(frozen=True)
class Order:
    """What a task makes.

    Attributes:
        key: The file's name on the board, and of its folder on machines that share no disk.
        job: The file.
        cutting: How it is cut, and the share that is made.
        parcel: The source, if it is sent.
        plan: The work folder's plan, if that is not shared; None if there is none yet.
    """

    key: str
    job: Job
    cutting: Segmentation
    parcel: Parcel | None = None
    plan: bytes | None = None

    @property
    def number(self) -> int:
        """The segment, from 0; -1 for none."""
        return -1 if self.cutting.part is None else self.cutting.part.number - 1


@dataclass(frozen=True)
class Answer:
    """What came of a task.

    Attributes:
        result: As of a conversion of the whole file.
        notes: What the user wants to know.
        files: Files to put into the work folder, in this order, or the output itself under the name ``""``.
    """

    result: Result
    notes: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


def carry_out(order: Order, work: Work, board: Any) -> Answer:  # noqa: ANN401 - Ray's handle of an actor
    """Do a task, on whichever machine it was sent to."""
    job = order.job if order.parcel is None else _here(order, order.parcel)
    notes, result, told_at = list[str](), None, 0.0
    for event in work(job, order.cutting):
        if isinstance(event, Advanced) and time.monotonic() - told_at > _TELL_SECONDS:
            told_at = time.monotonic()
            own = replace(event, frames=event.frames - event.earlier_frames, earlier_frames=0)
            board.tell.remote(order.key, order.number, own)
        elif isinstance(event, Note):
            notes.append(event.text)
        elif isinstance(event, Finished):
            result = event.result
    assert result is not None
    if order.parcel is None:
        return Answer(result, tuple(notes))
    assert job.target is not None

    def ours(text: str) -> str:
        return text.replace(str(job.source), order.job.source_name).replace(str(job.target), str(order.job.target))

    result = replace(result, error=None if result.error is None else ours(result.error))
    return Answer(result, tuple(map(ours, notes)), dict(_files(WorkFolder(job.target), order)))


def _here(order: Order, parcel: Parcel) -> Job:
    """A file whose source was sent, as a job of this machine."""
    assert order.job.source is not None
    assert order.job.target is not None
    folder = _folder(order.key)
    source, target = folder / "in" / order.job.source.name, folder / "out" / order.job.target.name
    parcel.unpack(source)
    plan = WorkFolder(target).path / "plan.json"
    if order.plan is not None and not plan.exists():
        write_whole(plan, order.plan)
    return Job(source, target)


def _folder(key: str) -> Path:
    return Path(tempfile.gettempdir()) / f"cgtool-ray-{key}"


def forget(key: str) -> None:
    """Remove what was sent of a file to this machine."""
    shutil.rmtree(_folder(key), ignore_errors=True)


def _files(work: WorkFolder, order: Order) -> Iterator[tuple[str, bytes]]:
    """What a task that shares no disk gives back. Segments are not kept on its machine, but for their last states."""
    plan, number = work.path / "plan.json", order.number
    if number < 0 and plan.exists():
        content = json.loads(plan.read_bytes())
        write_whole(plan, json.dumps({**content, "source": str(order.job.source)}))  # as its owner names it
        yield plan.name, plan.read_bytes()
    elif number < 0 and work.target.exists():
        yield "", work.target.read_bytes()
    elif number >= 0 and work.segment(number) is not None:
        for path in (work.file(number), work.file(number).with_suffix(".json")):
            if path.exists():  # a segment without frames has no file
                yield path.name, path.read_bytes()
                path.unlink()


class Cluster:
    """A Ray cluster that this process has joined. Use it as a context.

    Args:
        address: ``local`` for one of this machine alone, or where a running one is, as ``ray.init`` takes it.
        gpus: Tasks may use a GPU, and ask for one where the cluster has some.
        send_files: The machines share no disk with this one.

    Raises:
        UsageError: Ray is not installed.
        ClusterError: There is no cluster, or it has no machine with CPUs.
    """

    def __init__(self, address: str, *, gpus: bool, send_files: bool) -> None:
        require("ray", "ray")
        self._address, self._gpus, self.send_files = address, gpus, send_files

    def __enter__(self) -> Cluster:
        _knock(self._address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of it
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._ray, self._at = ray, NodeAffinitySchedulingStrategy
        before = signal.getsignal(signal.SIGTERM)
        own = {"include_dashboard": False} if self._address == "local" else {}
        try:
            ray.init(self._address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except Exception as error:
            raise _absent(self._address, error) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put its own there
        # Or news of lost machines would go to standard output, among our lines.
        sys.modules["ray._private.worker"]._worker_logs_enabled = False  # type: ignore[attr-defined]
        try:
            self._declare()
        except BaseException:
            ray.shutdown()
            raise
        return self

    def _declare(self) -> None:
        """Settle what a task asks for, and place the board beside this process, where it is not lost with others."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if not nodes:
            raise ClusterError(f"the Ray cluster at {self._address} has no machine with CPUs")
        gpus = sum(node.get("GPU", 0) for node in nodes) if self._gpus else 0
        cpus = min(MOST_CPUS, *(node["CPU"] for node in nodes))
        # Without a limit of calls: a process keeps its engine from one segment to the next.
        wishes = {"num_cpus": cpus, "num_gpus": min(1, gpus), "max_retries": _RETRIES, "max_calls": 0}
        logger.debug("a task asks for %s; the machines have %s", wishes, nodes)
        self._task = self._ray.remote(**wishes)(carry_out)
        self.width = max(1, int(gpus or sum(node["CPU"] // cpus for node in nodes)))
        here = self._at(self._ray.get_runtime_context().get_node_id(), soft=False)
        self.board: Any = self._ray.remote(num_cpus=0)(Board).options(scheduling_strategy=here).remote()

    def share(self, work: Work) -> object:
        """Put what tasks do into the object store, once for all of them."""
        return self._ray.put(work)

    def send(self, path: Path) -> Parcel:
        """Put a file into the object store.

        Raises:
            MediaError: It can't be read.
        """
        try:
            with path.open("rb") as file:
                chunks = [self._ray.put(chunk) for chunk in iter(lambda: file.read(_CHUNK_BYTES), b"")]
            return Parcel(chunks, path.stat().st_mtime_ns)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}", path=path) from error

    def submit(self, order: Order, work: object) -> object:
        """Begin a task; what stands for its answer."""
        return self._task.remote(order, work, self.board)

    def finished(self, tasks: Sequence[object]) -> list[object]:
        """Those of the tasks that are done."""
        return list(self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0)[0]) if tasks else []

    def answer(self, task: object) -> Answer:
        """A finished task's answer.

        Raises:
            ClusterError: It was lost with too many machines, or could not be run.
        """
        try:
            answer: Answer = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            raise ClusterError(f"the Ray cluster has lost it: {first_line(error)}") from error
        return answer

    def progress(self, key: str) -> dict[int, Advanced]:
        """How far a file's segments are."""
        told: dict[int, Advanced] = self._ray.get(self.board.read.remote(key))
        return told

    def cancel(self, tasks: Sequence[object]) -> None:
        """Stop tasks, running ones too."""
        for task in tasks:
            with suppress(Exception):  # it is over, or its machine is
                self._ray.cancel(task, force=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ray.shutdown()

    def clean(self, key: str) -> None:
        """Remove what was sent of a file from all machines."""
        with suppress(self._ray.exceptions.RayError):
            at = [self._at(node["NodeID"], soft=False) for node in self._ray.nodes() if node["Alive"]]
            task = self._ray.remote(num_cpus=0, max_retries=0)(forget)
            done = [task.options(scheduling_strategy=one).remote(key) for one in at]
            self._ray.wait(done, num_returns=len(done), timeout=_GOODBYE_SECONDS)


def _knock(address: str) -> None:
    """Refuse an address at which nobody answers: Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        try:
            socket.create_connection((host, int(port)), timeout=_KNOCK_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise _absent(address, error) from error


def _absent(address: str, error: Exception) -> ClusterError:
    hint = "Give --ray local, or HOST:PORT as `ray start --head` tells it"
    return ClusterError(f"no Ray cluster at {address}: {first_line(error)}", hint=hint)
