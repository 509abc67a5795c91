"""The work folder: a conversion's finished segments, kept beside the output until all are there and are joined.

``.summer.winter.mp4.cgtool/`` holds ``plan.json`` (where the clip is cut, and everything that decides the result),
and for each finished segment its encoded frames (``00007.mp4``), a record of them (``00007.json``, which is written
last: it says that the segment is done) and the smoothing's state at its end (``00007.npz``, until the next one is
done). ``00007.lease`` says that somebody works on it. Nothing is ever changed in place, so that it does not matter when
a process or a machine is lost, nor how many work in it at once.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np

from cgtool.change.smoothing import State
from cgtool.conversion.pieces.leases import Lease, holder, is_abandoned, take
from cgtool.conversion.pieces.segments import Plan
from cgtool.errors import MediaError
from cgtool.files import Reservation, write_whole
from cgtool.media.joining import Piece

logger = logging.getLogger(__name__)

_FORMAT = 1
_ENDING = ".cgtool"
KEPT = "segments are kept"
_SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True)
class Segment:
    """A finished segment's record.

    Attributes:
        frames: Frames in it.
        first_pts: When the first one is shown, in ticks.
        warnings: What changed or was lost on the way.
        busy_seconds: Working time of each stage.
    """

    frames: int
    first_pts: int
    warnings: tuple[str, ...]
    busy_seconds: dict[str, float]


class WorkFolder:
    """The unfinished conversion to a target.

    Args:
        target: The output.

    Attributes:
        path: The folder.
        plan: Where the clip is cut; like the others known once it was begun or found.
        source: The clip.
        made_of: Everything that decides the result, by the names that users know.
    """

    plan: Plan
    source: Path
    made_of: Mapping[str, Any]

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}{_ENDING}")

    def find(self, made_of: Mapping[str, object]) -> list[str] | None:
        """Look whether there is a conversion to go on with.

        Args:
            made_of: Everything that decides the result, as JSON-able values by the names that users know.

        Returns:
            What has changed since it was begun, in words; empty if one can go on. None if there is nothing.
        """
        try:
            found = json.loads((self.path / "plan.json").read_bytes())
            self.source, self.made_of = Path(found["source"]), dict(found["made_of"])
            if found["format"] != _FORMAT:
                return ["the version of cgtool"]
            self.plan = Plan(tuple(found["starts"]), Fraction(found["time_base"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        now = json.loads(json.dumps(made_of))
        before = self.made_of
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        return [_change(name, before.get(name), now.get(name)) for name in names]

    def kept(self) -> str | None:
        """What is kept of it and how to go on, for the user; None if nothing is."""
        done = len(self.done())
        return f"{done} of {len(self.numbers)} {KEPT}: the same command goes on from there" if done else None

    def begin(self, plan: Plan, made_of: Mapping[str, object], source: Path) -> None:
        """Make the folder; whoever else makes it at this moment makes the same.

        Raises:
            MediaError: It can't be written.
        """
        content = {
            "format": _FORMAT,
            "source": str(source.absolute()),
            "made_of": dict(made_of),
            "time_base": str(plan.time_base),
            "starts": plan.starts,
        }
        with self._in_our_words():
            reservation = Reservation(self.path / "plan.json")
            try:
                reservation.path.write_text(json.dumps(content, indent=1))
                with suppress(FileExistsError):
                    reservation.publish(overwrite=False)
            finally:
                reservation.give_up()
        self.plan, self.source, self.made_of = plan, source, made_of

    @property
    def numbers(self) -> range:
        """The segments."""
        return range(len(self.plan.starts))

    @property
    def is_gone(self) -> bool:
        """Whether it was removed: somebody else has joined the segments, or began anew."""
        return not (self.path / "plan.json").exists()

    def file(self, number: int) -> Path:
        """Where a segment's frames are."""
        return self._file(number, self.target.suffix)

    def _file(self, number: int, suffix: str) -> Path:
        return self.path / f"{number:05}{suffix}"

    def segment(self, number: int) -> Segment | None:
        """A finished segment; None if it is not finished."""
        try:
            found = json.loads(self._file(number, ".json").read_bytes())
            segment = Segment(**{**found, "warnings": tuple(found["warnings"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return segment if not segment.frames or self.file(number).exists() else None

    def done(self) -> dict[int, Segment]:
        """All finished segments by their numbers."""
        return {number: one for number in self.numbers if (one := self.segment(number)) is not None}

    def keep(self, number: int, segment: Segment, state: State) -> None:
        """Record that a segment's file is whole.

        Args:
            number: The segment.
            segment: Its record.
            state: The smoothing's state at its end.

        Raises:
            MediaError: It can't be written.
        """
        with self._in_our_words():
            if state and number + 1 < len(self.plan.starts):
                arrays = io.BytesIO()
                np.savez(arrays, **cast(Any, state))
                write_whole(self._file(number, ".npz"), arrays.getvalue())
            write_whole(self._file(number, ".json"), json.dumps(asdict(segment)))
        for other in (number - 1, number):
            if self._file(other + 1, ".json").exists():
                self._file(other, ".npz").unlink(missing_ok=True)

    def state_after(self, number: int) -> State | None:
        """The smoothing's state at a segment's end; None if it was not kept."""
        try:
            with np.load(self._file(number, ".npz"), allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError, EOFError, KeyError):
            return None

    def take(self, number: int | None) -> Lease | None:
        """The right to make a segment, or (None) to join them; None if somebody else has it, or all is over."""
        with suppress(FileNotFoundError), self._in_our_words():
            return take(self._lease(number))
        return None

    def _lease(self, number: int | None) -> Path:
        return self.path / "join.lease" if number is None else self._file(number, ".lease")

    def worker(self) -> str | None:
        """Words for a living process that works in here; None if there is none."""
        busy = (path for path in self.path.glob("*.lease") if not is_abandoned(path))
        return next((holder(path) for path in busy if path.exists()), None)

    def pieces(self) -> list[Piece]:
        """All segments that hold frames, in order; all must be finished."""
        done = self.done()
        return [Piece(self.file(number), done[number].first_pts, done[number].frames) for number in sorted(done)
                if done[number].frames]  # fmt: skip

    def remove(self) -> None:
        """Remove the folder and all in it; first of all its name, so that nobody finds half of it."""
        aside = self.path.with_name(f"{self.path.name}.old")
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(FileNotFoundError):
            self.path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise MediaError(f"can't be written: {error.strerror}", path=self.path) from error


def fingerprint(source: Path) -> dict[str, object]:
    """A file's size, time of change, and SHA-256 of its beginning and end.

    Raises:
        MediaError: It can't be read.
    """
    try:
        with source.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            digest = hashlib.sha256()
            for begin in (0, max(0, size - _SAMPLE_BYTES)):
                file.seek(begin)
                digest.update(file.read(_SAMPLE_BYTES))
        return {
            "the source's size": size,
            "the source's time of change": source.stat().st_mtime_ns,
            "the source's content": digest.hexdigest(),
        }
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}", path=source) from error


@dataclass(frozen=True)
class Unfinished:
    """A work folder that was found.

    Attributes:
        folder: The folder.
        output: What it would have become.
        source: What it was made of.
        done, segments: Finished segments, and all.
        nbytes: Bytes on the disk.
        age_seconds: Since something was last written.
        worker: Who works on it right now; None for nobody.
    """

    folder: Path
    output: Path
    source: Path
    done: int
    segments: int
    nbytes: int
    age_seconds: float
    worker: str | None


def unfinished(root: Path) -> list[Unfinished]:
    """All work folders in a folder and below it."""
    found = []
    for file in sorted(root.rglob(f".*{_ENDING}/plan.json")):
        folder = file.parent
        work = WorkFolder(folder.with_name(folder.name[1 : -len(_ENDING)]))
        if work.find({}) is None:
            continue
        stats = [one.stat() for one in folder.iterdir()]
        size, last = sum(one.st_size for one in stats), max(one.st_mtime for one in stats)
        age = max(0.0, time.time() - last)
        found.append(
            Unfinished(folder, work.target, work.source, len(work.done()), len(work.numbers), size, age, work.worker())
        )
    return found


def _change(name: str, before: object, now: object) -> str:
    return name if name.startswith("the ") else f"{name}: {before!r} before, {now!r} now"
