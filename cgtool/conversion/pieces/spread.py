"""A file that a cluster converts: its folder is begun, its segments are made wherever there is room, then joined."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cgtool.conversion.events import Advanced, Event, Finished, Note, Result
from cgtool.conversion.jobs import Job
from cgtool.conversion.pieces.cluster import Answer, Cluster, Order
from cgtool.conversion.pieces.segmented import Segmentation
from cgtool.conversion.pieces.segments import NOTHING, Part
from cgtool.conversion.pieces.unfinished import KEPT, WorkFolder
from cgtool.errors import CgtoolError
from cgtool.files import write_whole
from cgtool.media.outputs import publish, reserve

Join = Callable[[Path, bool], tuple[int, tuple[str, ...]]]
"""Joins an output's segments, replacing an existing one or not; gives its frames and warnings."""

_POLL_SECONDS = 0.3


class SpreadFile:
    """A file that a cluster converts.

    Args:
        cluster: The cluster.
        job: The file.
        work: What `Cluster.share` gave for what is to be done.
        cutting: How it is cut.
        overwrite: Replace an existing output.

    Raises:
        MediaError: The source can't be read.
    """

    def __init__(self, cluster: Cluster, job: Job, work: object, cutting: Segmentation, *, overwrite: bool) -> None:
        self._cluster, self._job, self._work, self._overwrite = cluster, job, work, overwrite
        assert job.source is not None
        assert job.target is not None
        self.key = secrets.token_hex(8)
        self._begin = time.perf_counter()
        self._folder = WorkFolder(job.target)
        self._plan: bytes | None = None
        self._notes: list[str] = []
        self._begun: Result | None = None
        self._result: Result | None = None
        self._earlier = 0
        absolute = Job(job.source.absolute(), job.target.absolute())
        parcel = cluster.send(job.source) if cluster.send_files else None
        self._order = Order(self.key, absolute, replace(cutting, part=NOTHING), parcel, self._read_plan())
        self._tasks = {cluster.submit(self._order, work): -1}

    def _read_plan(self) -> bytes | None:
        if not self._cluster.send_files:
            return None
        try:
            return (self._folder.path / "plan.json").read_bytes()
        except OSError:
            return None

    def run(self, join: Join, beside: Iterable[SpreadFile]) -> Iterator[Event]:
        """Wait for it, telling what happens, while others go on beside it. ``beside`` may hold it as well."""
        while self._result is None:
            for file in {self, *beside}:
                file.advance()
            yield from self._new_notes()
            if self._begun is not None and not self._tasks and self._result is None:
                self._result = self._joined(self._begun, join)
            elif self._result is None:
                yield self._advanced()
                time.sleep(_POLL_SECONDS)
        self.stop()
        yield from self._new_notes()
        seconds = time.perf_counter() - self._begin
        made = self._result.frames - self._result.earlier_frames
        named = replace(self._result, input=self._job.source_name, output=self._job.target_name)
        yield Finished(replace(named, seconds=seconds, fps=made / seconds))

    def _new_notes(self) -> Iterator[Note]:
        while self._notes:
            yield Note(self._notes.pop(0))

    def stop(self) -> None:
        """Stop its tasks, and remove what was sent of it."""
        self._cluster.cancel(list(self._tasks))
        self._tasks = {}
        if self._cluster.send_files:
            self._cluster.clean(self.key)

    def advance(self) -> None:
        """Take in what is done, and begin what can be begun; never waits."""
        for task in self._cluster.finished(list(self._tasks)):
            number = self._tasks.pop(task)
            try:
                answer = self._cluster.answer(task)
                self._notes += answer.notes
                if answer.result.status == "failed":
                    self._fail(answer.result)
                elif number < 0:
                    self._take_plan(answer)
                else:
                    self._take_files(answer.files)
            except (CgtoolError, OSError) as error:
                told = str(error) if isinstance(error, CgtoolError) else f"{self._folder.path}: {error.strerror}"
                self._fail(Result(self._job.source_name, self._job.target_name, "failed", error=told))
            if self._result is not None:
                return

    def _fail(self, result: Result) -> None:
        told = result.error or ""
        kept = self._folder.kept() if self._folder.find({}) is not None else None
        if kept is not None and KEPT not in told:
            told += f". {kept}"
        self._result = replace(result, frames=0, earlier_frames=0, error=told)

    def _take_plan(self, answer: Answer) -> None:
        """Begin the segments, where there are some; else it was made whole."""
        if "" in answer.files:
            output = reserve(self._folder.target, overwrite=self._overwrite)
            try:
                output.path.write_bytes(answer.files[""])
                publish(output, overwrite=self._overwrite)
            finally:
                output.give_up()
        plan = answer.files.get("plan.json")
        if plan is not None and plan != self._order.plan:
            self._folder.remove()
            self._take_files(answer.files)
        if answer.result.frames or self._folder.find({}) is None:
            self._result = answer.result
            return
        done = self._folder.done()
        self._begun, self._earlier = answer.result, sum(segment.frames for segment in done.values())
        count = len(self._folder.numbers)
        if done:
            self._notes.append(f"{self._job.target}: going on; {len(done)} of {count} segments are done")
        for number in self._folder.numbers:
            if number not in done:
                cutting = replace(self._order.cutting, resume=True, part=Part(number + 1, count, alone=True))
                order = replace(self._order, cutting=cutting, plan=plan)
                self._tasks[self._cluster.submit(order, self._work)] = number

    def _take_files(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            write_whole(self._folder.path / name, content)

    def _advanced(self) -> Advanced:
        if self._begun is None:
            return Advanced(0, None)
        told, done = self._cluster.progress(self.key), self._folder.done()
        busy: Counter[str] = Counter()
        frames = sum(segment.frames for segment in done.values())
        for number, advanced in told.items():
            busy.update(dict(done[number].busy_seconds if number in done else advanced.busy_seconds))
            frames += 0 if number in done else advanced.frames
        estimated = next((one.estimated_frames for one in told.values()), None)
        count = len(self._folder.numbers)
        return Advanced(frames, estimated, dict(busy), segments=count, earlier_frames=self._earlier)

    def _joined(self, begun: Result, join: Join) -> Result:
        busy: Counter[str] = Counter()
        for segment in self._folder.done().values():
            busy.update(segment.busy_seconds)
        try:
            frames, warnings = join(self._folder.target, self._overwrite)
        except CgtoolError as error:
            self._fail(replace(begun, status="failed", error=str(error)))
            assert self._result is not None
            return self._result
        return replace(
            begun,
            frames=frames,
            warnings=tuple(dict.fromkeys((*begun.warnings, *warnings))),
            busy_seconds={**begun.busy_seconds, **busy},
            earlier_frames=self._earlier,
        )
