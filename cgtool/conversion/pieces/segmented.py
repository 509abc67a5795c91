"""A long video's way: segment by segment into a work folder, by one run or several, on one machine or many; joined.

A segment is made of its frames and of the smoothing's state at the end of the one before it. So it does not matter
whether a run made both, or went on where another was killed: the result is the same, frame for frame. Only who begins
in the middle without that state warms up on the frames before, and differs a little.
"""

from __future__ import annotations

import logging
import os
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace

from cgtool import __version__
from cgtool.config import SEGMENT_SECONDS
from cgtool.conversion.clip import Clip, convert_whole, open_clip, stages_beside_each_other
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, Note, Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import FullLook
from cgtool.conversion.network import Network
from cgtool.conversion.pieces.leases import Lease
from cgtool.conversion.pieces.segments import NOTHING, Part, Plan, plan
from cgtool.conversion.pieces.unfinished import Segment, WorkFolder, fingerprint
from cgtool.errors import CgtoolError, MediaError
from cgtool.frame import Frame, PlanarFrame
from cgtool.media import ffmpeg
from cgtool.media.containers import Container
from cgtool.media.joining import Piece, check_piece, counts_from_zero

logger = logging.getLogger(__name__)

_LONGEST_NAME = 240
"""Bytes of a work folder's name: file systems take 255, and it gets some more when it is moved aside."""

WARM_UP_SECONDS = 4.0
"""How long smoothing looks on before a segment whose predecessor's state is not there."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Segmentation:
    """How a clip is cut into segments.

    Attributes:
        seconds: About how long a segment is; 0 for clips in one piece.
        resume: Go on with what an earlier run has done.
        part: The share of the segments that this run makes; None for all.
    """

    seconds: float = SEGMENT_SECONDS
    resume: bool = True
    part: Part | None = None


def can_be_cut(container: Container, encoding: Encoding) -> bool:
    """Whether a video can be made in segments."""
    # The other containers' clocks count from the first frame; and further arguments may mean anything.
    return container.clock == "source" and not encoding.ffmpeg_args


def work_folder(clip: Clip, cutting: Segmentation, model_key: str) -> Generator[Note, None, WorkFolder | None]:
    """The folder to make a clip's segments in, begun or found; None if it is to be made in one piece.

    Args:
        clip: The clip.
        cutting: How it is cut.
        model_key: Identifies structure and weights of the network.

    Raises:
        MediaError: Somebody else is making the same output, or the folder can't be written.
    """
    if not cutting.seconds or not can_be_cut(clip.container, clip.encoding):
        return None
    work = WorkFolder(clip.target)
    if len(os.fsencode(work.path.name)) > _LONGEST_NAME and cutting.part is None:
        yield Note(f"{clip.target}: made in one piece, its name is too long for a folder of segments beside it")
        return None
    made_of = _made_of(clip, cutting, model_key)
    changes = work.find(made_of)
    if changes is not None:
        worker = work.worker()
        if worker is not None and (changes or cutting.part is None):
            what = f"with other options ({'; '.join(changes)})" if changes else "already"
            hint = "Wait for it, or help it with --part" if not changes else "Wait for it"
            raise MediaError(f"{worker} is making it {what}", path=clip.target, hint=hint)
        if not changes and cutting.resume:
            done = len(work.done())
            if done and cutting.part is None:
                yield Note(f"{clip.target}: going on; {done} of {len(work.numbers)} segments are done")
            return work
        if changes and cutting.part is not None and cutting.part.alone and cutting.part != NOTHING:
            raise MediaError(f"would be made otherwise on this machine ({'; '.join(changes)})", path=clip.target)
        if changes:
            yield Note(f"{clip.target}: begun anew, for these have changed: {'; '.join(changes)}")
        work.remove()
    cut = plan(clip.reader, cutting.seconds)
    if cut is None and cutting.part is not None:
        cut = Plan((round(clip.reader.info.begin_seconds / clip.reader.info.time_base),), clip.reader.info.time_base)
    if cut is None:
        return None
    work.begin(cut, made_of, clip.source.path)
    return work


def _made_of(clip: Clip, cutting: Segmentation, model_key: str) -> dict[str, object]:
    """Everything that decides the result, by the names that users know."""
    encoding = {f"--{one.name}".replace("_", "-"): getattr(clip.encoding, one.name) for one in fields(Encoding)}
    look = {f"--{name}".replace("_", "-"): value for name, value in asdict(clip.look).items()}
    span = {f"--{name}": None if value is None else str(value)
            for name, value in zip(("start", "end"), clip.encoding.span, strict=True)}  # fmt: skip
    network = {
        "the model": model_key,
        "--engine": clip.network.engine.engine,
        "--precision": clip.network.engine.precision,
        "--batch": clip.network.batch,
    }
    return {
        **fingerprint(clip.source.path),
        **({} if clip.look.is_neutral else network),
        **look,
        **encoding,
        **span,
        "the encoder": [clip.encoder.name, *clip.encoder.arguments, ffmpeg.version()],
        "the version of cgtool": __version__,
        "--segment": cutting.seconds,
    }


def convert_segments(clip: Clip, work: WorkFolder, part: Part | None) -> Generator[Advanced, None, Outcome]:
    """Make the segments that are not done, and join all.

    Args:
        clip: The clip.
        work: Its folder.
        part: The share of the segments to begin with; None if no one else is expected.

    Raises:
        CgtoolError: It can't be read, translated or written. What is done stays in the folder.
    """
    try:
        return (yield from _Run(clip, work, part).run())
    except BaseException as error:
        kept = work.kept()
        if kept is not None and isinstance(error, CgtoolError):
            error.hint = kept if error.hint is None else f"{error.hint}. {kept}"
        if kept is None and part is None and work.worker() is None:
            work.remove()
        raise


class _Run:
    """One run's work in a folder."""

    def __init__(self, clip: Clip, work: WorkFolder, part: Part | None) -> None:
        self._clip, self._work, self._part = clip, work, part
        self._stands_at: int | None = 0  # the segment that the passage comes to next
        self._made = 0
        self._busy: Counter[str] = Counter()  # with what was made

    def run(self) -> Generator[Advanced, None, Outcome]:
        work = self._work
        while not work.is_gone:
            undone = [number for number in work.numbers if work.segment(number) is None]
            wishes, lease = self._wishes(undone), None
            if not wishes and self._part is not None and self._part.alone:
                return self._clip.outcome(self._made, {}, ())
            if not undone and (lease := work.take(None)) is not None:
                with lease:
                    return self._join()
            for number in wishes:
                if (lease := work.take(number)) is not None:
                    with lease:
                        if work.segment(number) is None:
                            yield from self._make(number, lease)
                    break
            if lease is None:
                if self._part is None:
                    raise MediaError(f"{work.worker() or 'another process'} is making it already", path=work.target)
                yield self._advanced(0, None)
                time.sleep(_POLL_SECONDS)
        if not work.target.exists():
            raise MediaError("its work folder was removed while it was being made", path=work.target)
        return self._clip.outcome(self._made, {}, ["another process has joined the segments"])

    def _wishes(self, undone: list[int]) -> list[int]:
        """The segments to try to make, best first: one's own in their order, then others' from their end."""
        part, count = self._part, len(self._work.numbers)
        if part is None:
            return undone[:1]
        own = [number for number in undone if part.holds(number, count)]
        return own if part.alone else [*own, *(number for number in reversed(undone) if number not in own)]

    def _advanced(self, frames: int, number: int | None) -> Advanced:
        done = sum(segment.frames for segment in self._work.done().values())
        total = len(self._work.numbers)
        estimated = self._clip.reader.info.estimated_frames
        return Advanced(done + frames, estimated, segment=number, segments=total, earlier_frames=done - self._made)

    def _make(self, number: int, lease: Lease) -> Iterator[Advanced]:
        clip, work, passage = self._clip, self._work, self._clip.passage
        if number != self._stands_at:
            yield from self._go_to(number)
        self._stands_at = None
        end = work.plan.end(number)
        first = passage.next_pts(end)
        if first is None:
            work.keep(number, Segment(0, work.plan.starts[number], (), {}), passage.state())
            self._stands_at = number + 1
            return
        shift = first if counts_from_zero(clip.container) else 0
        advanced = self._advanced(0, number)
        with clip.piece_writer(work.file(number)) as writer:

            def write(frame: Frame | PlanarFrame) -> None:
                writer.write(replace(frame, pts=frame.pts - shift))

            with stages_beside_each_other(), closing(passage.pipeline(end, write, writer.abort).run()) as running:
                for progress in running:
                    busy = dict(self._busy + Counter(progress.busy_seconds))
                    yield replace(advanced, frames=advanced.frames + progress.items, busy_seconds=busy)
            if not lease.is_held:
                logger.debug("%s: segment %d was taken over by somebody else", work.path, number)
                return
            writer.finish()
        check_piece(Piece(work.file(number), first, progress.items))
        warnings = (*clip.reader.warnings, *clip.network.warnings, *writer.warnings)
        work.keep(number, Segment(progress.items, first, warnings, progress.busy_seconds), passage.state())
        self._made += progress.items
        self._busy.update(progress.busy_seconds)
        self._stands_at = number + 1

    def _go_to(self, number: int) -> Iterator[Advanced]:
        """Stand before a segment with the smoothing's state of that moment, or with one that is as good as it."""
        work, passage, start = self._work, self._clip.passage, self._work.plan.starts[number]
        state = work.state_after(number - 1) if number else {}
        if state is not None or not passage.has_memory:
            logger.debug("segment %d: with the state of the one before", number)
            passage.go_to(start, state)
            return
        logger.debug("segment %d: warming up", number)
        since, waiting = start - round(WARM_UP_SECONDS / work.plan.time_base), self._advanced(0, number)
        starts = [since, start]
        if passage.counts_frames:  # as whoever makes the segments before does, from each one's first frame
            first = max(bisect_right(work.plan.starts, since) - 1, 0)
            starts = list(work.plan.starts[first : number + 1])
        passage.go_to(starts[0])
        for end in starts[1:]:
            for _ in passage.warm_up(end, since):
                yield waiting

    def _join(self) -> Outcome:
        work, done = self._work, self._work.done()
        with self._clip.joiner(work.pieces()) as joiner:
            joiner.join()
        work.remove()
        busy: Counter[str] = Counter()
        for segment in done.values():
            busy.update(segment.busy_seconds)
        frames = sum(segment.frames for segment in done.values())
        warnings = (*(warning for segment in done.values() for warning in segment.warnings), *joiner.warnings)
        return self._clip.outcome(frames, dict(busy), warnings, frames - self._made)


def convert_clip(
    job: Job,
    network: Network,
    look: FullLook,
    encoding: Encoding,
    *,
    overwrite: bool,
    cutting: Segmentation,
    model_key: str,
) -> Generator[Advanced | Note, None, Outcome]:
    """Convert a video, in one piece or in segments. For parameters see `open_clip` and `work_folder`.

    Raises:
        CgtoolError: It can't be read, translated or written; nothing is left of it but finished segments.
    """
    with open_clip(job, network, look, encoding, overwrite=overwrite) as clip:
        work = yield from work_folder(clip, cutting, model_key)
        if work is None:
            return (yield from convert_whole(clip))
        return (yield from convert_segments(clip, work, cutting.part))
