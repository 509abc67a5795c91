"""Measure a result against its source: steadiness, flicker, sharpness, change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from cgtool.change.measures import Measures, Meter
from cgtool.errors import MediaError
from cgtool.media.images import IMAGE_SUFFIXES
from cgtool.media.reader import VideoReader


@dataclass(frozen=True)
class MeasuredFrame:
    """One frame's figures, and the clip's so far.

    Attributes:
        index: Count of frames before this one.
        estimated_frames: About how many there will be, or None.
        pts_seconds: When the source's frame is shown.
        figures: This frame's.
        summary: Means over the frames up to this one.
    """

    index: int
    estimated_frames: int | None
    pts_seconds: float
    figures: Measures
    summary: Measures


def measure(source: Path, result: Path) -> Iterator[MeasuredFrame]:
    """Measure two clips frame by frame, in constant memory.

    Args:
        source: The footage that was converted.
        result: Its conversion, in any codec and container: the same count of frames, of the same size.

    Raises:
        MediaError: A file can't be read, or the counts of frames differ.
        UsageError: The sizes differ.
    """
    for path in (source, result):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise MediaError("is a still image", path=path, hint="measure compares videos: flicker is between frames")
    meter = Meter()
    with VideoReader(source) as sources, VideoReader(result) as results:
        pairs = zip_longest(sources.frames(), results.frames())
        for index, (before, after) in enumerate(pairs):
            if before is None or after is None:
                # Count on, so that the message can say by how much they differ.
                longer = index + 1 + sum(1 for _ in pairs)
                counts = (index, longer) if before is None else (longer, index)
                raise MediaError(
                    f"has {counts[1]} frames, but {source} has {counts[0]}",
                    path=result,
                    hint="Only a clip and its own conversion can be compared, frame by frame",
                )
            figures = meter.step(before.pixels, after.pixels)
            yield MeasuredFrame(
                index, sources.info.estimated_frames, float(before.pts_seconds), figures, meter.summary()
            )
