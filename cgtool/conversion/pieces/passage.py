"""A clip's frames on their way through the network and the rendering, whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

from cgtool.change.colour_space import Samples
from cgtool.change.hdr import HdrMaps
from cgtool.change.smoothing import State
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping, SteadyMaps
from cgtool.conversion.network import Network, Small
from cgtool.conversion.rendering import Rendering
from cgtool.conversion.sparse import Sparse
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.hdr import DIFFUSE_WHITE, tone_curve
from cgtool.media.reader import VideoReader
from cgtool.pictures import Size
from cgtool.pipeline.chain import Chain, each
from cgtool.pipeline.pipeline import Pipeline

Shown = Frame | PlanarFrame


class Passage:
    """The way from a clip's reader to the frames that are shown.

    Args:
        reader: The clip.
        network: The network, which this clip has for itself.
        look: How it shall look. A neutral one leaves the network out.
        as_decoded: Frames shall be shown in the planes that they were decoded in, where that can be.
        samples: How a map network changes those planes; None where it can't.
        keeps_hdr: High dynamic range stays what it is.
    """

    def __init__(
        self,
        reader: VideoReader,
        network: Network,
        look: FullLook,
        *,
        as_decoded: bool,
        samples: Samples | None,
        keeps_hdr: bool = False,
    ) -> None:
        self._reader, self._network, self._look = reader, network, look
        self._as_decoded = as_decoded
        self._samples = samples if as_decoded else None
        self._size = Size(reader.info.width, reader.info.height)
        if not look.is_neutral:
            network.expect(self._size)
        self._to_hdr: HdrMaps | None = None
        if keeps_hdr and network.maps is not None and not look.is_neutral:
            curve, white = (
                tone_curve(reader, network.size_of(self._size)),
                DIFFUSE_WHITE[reader.info.colour.hdr or "PQ"],
            )
            self._to_hdr = HdrMaps(curve, white, network.maps.knots)
        self._rendering = self._new_rendering()
        self._incoming = self._source()
        self._waiting: Shown | Small | None = None

    def _new_rendering(self) -> Rendering | Mapping | None:
        if self._look.is_neutral:
            return None
        if self._network.maps is None:
            return Rendering(self._look)
        return Mapping(self._look, self._network.maps.knots, self._size, self._samples, self._to_hdr)

    def _source(self) -> Iterator[Shown | Small]:
        reader = self._reader
        if self._rendering is None:
            yield from reader.planar_frames() if self._as_decoded else reader.frames()
        elif self._samples is None:
            for frame in reader.frames():
                yield self._network.shrink(frame)
        else:
            for planes, small in reader.planes_and_small(self._network.size_of(self._size)):
                yield Small(planes, small)

    @property
    def has_memory(self) -> bool:
        """Whether what is shown depends on frames before."""
        return self._rendering is not None and self._look.smooth > 0

    def go_to(self, pts: int, state: State | None = None) -> None:
        """Go on, or back, to the first frame at or after a timestamp.

        Args:
            pts: In ticks.
            state: What `state` gave when everything before was shown; None to begin without memory.
        """
        self._reader.begin_at(pts)
        self._incoming, self._waiting = self._source(), None
        self._rendering = self._new_rendering()
        if state is not None and self._rendering is not None:
            self._rendering.restore(state)

    def state(self) -> State:
        """All that the frames to come depend on, as named arrays. Only between two pipelines."""
        return {} if self._rendering is None else self._rendering.state()

    def next_pts(self, until: int | None) -> int | None:
        """The next frame's timestamp; None if it does not come before ``until``."""
        if self._waiting is None:
            self._waiting = next(self._incoming, None)
        pts = None if self._waiting is None else _pts(self._waiting)
        return pts if pts is not None and (until is None or pts < until) else None

    def _frames(self, until: int | None) -> Iterator[Shown | Small]:
        while self.next_pts(until) is not None:
            frame, self._waiting = self._waiting, None
            assert frame is not None
            yield frame
            del frame  # or the queues' bound is exceeded by it

    def pipeline(
        self, until: int | None, sink: Callable[[Shown], None], interrupt: Callable[[], None]
    ) -> Pipeline[Shown]:
        """Show the frames before a timestamp; all that are left if it is None."""
        frames: Chain[Any] = Chain(self._frames(until))
        infer, batch = self._network.infer, self._network.batch
        if self._rendering is None:
            return frames.into(sink, interrupt=interrupt)
        if isinstance(self._rendering, Mapping):
            maps = self._steadied(until, self._rendering)
            return maps.through("detail", each(self._rendering.finish)).into(sink, interrupt=interrupt)
        pictures = frames.through("infer", infer, batch).through("smooth", each(self._rendering.steady))
        return pictures.through("detail", each(self._rendering.finish)).into(sink, interrupt=interrupt)

    def _steadied(self, until: int | None, mapping: Mapping, since: int | None = None) -> Chain[SteadyMaps]:
        """A map network's way, up to maps that are steady; of the frames before ``since``, nobody needs them."""
        frames: Chain[Any] = Chain(self._frames(until))
        infer, batch = self._network.infer, self._network.batch
        if self._look.every == 1:
            return frames.through("infer", infer, batch).through("smooth", each(mapping.steady))
        # Which frames the network sees is counted anew from here: it is the same whoever makes the frames before.
        sparse = Sparse(self._network, self._look.every)
        followed: Chain[Any] = Chain(sparse.follow(cast("Iterator[Small]", self._frames(until)), since))
        seen = followed.through("infer", sparse.infer, batch)
        return seen.through("smooth", each(lambda frame: mapping.steady(sparse.complete(frame))))

    @property
    def counts_frames(self) -> bool:
        """Whether what the network sees depends on where a segment begins."""
        return isinstance(self._rendering, Mapping) and self._look.every != 1

    def warm_up(self, until: int, since: int | None = None) -> Iterator[None]:
        """Let the smoothing see the frames before a timestamp, without showing them.

        Args:
            until: In ticks.
            since: Where to begin, if `counts_frames` and this stands at a segment's first frame; it may be after it.
        """
        assert self._rendering is not None
        if isinstance(self._rendering, Mapping):
            steadied = self._steadied(until, self._rendering, since).into(_forget)
        else:
            source: Chain[Any] = Chain(self._frames(until))
            frames = source.through("infer", self._network.infer, self._network.batch)
            steadied = frames.through("smooth", each(self._rendering.steady)).into(_forget)
        with closing(steadied.run()) as running:
            for _ in running:
                yield


def _forget(_: object) -> None:
    """Where frames go that are not shown."""


def _pts(item: Shown | Small) -> int:
    return item.frame.pts if isinstance(item, Small) else item.pts
