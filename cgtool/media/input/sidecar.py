"""A file beside the source that holds its sound and subtitles on a clock that no longer jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.stream import Stream

from cgtool.media.input.packets import open_container, packets
from cgtool.media.input.runs import Runs

_NUT_LACKS = frozenset({"pcm_bluray", "truehd", "mlp", "hdmv_pgs_subtitle"})


@dataclass(frozen=True)
class Sidecar:
    """The file.

    Attributes:
        path: Where it is.
        numbers: For each of the source's stream indices that it holds, the stream's index in it.
    """

    path: Path
    numbers: Mapping[int, int]


def write_sidecar(source: Path, indices: Sequence[int], runs: Runs, folder: Path) -> Sidecar:
    """Copy streams of a source with their times moved.

    Args:
        source: The source file.
        indices: The streams to copy.
        runs: How times are moved.
        folder: Where the file goes.

    Raises:
        av.FFmpegError: It can't be read or written.
    """
    with open_container(source) as container:
        wanted = [container.streams[index] for index in indices]
        # NUT keeps every tick; what it has no name for comes from transport streams, which then keep it.
        names = {s.codec_context.codec.canonical_name for s in wanted if s.codec_context is not None}
        muxer, options = (
            ("mpegts", {"mpegts_copyts": "1", "mpegts_m2ts_mode": "1"}) if names & _NUT_LACKS else ("nut", {})
        )
        path = folder / f"sound.{muxer}"
        options["avoid_negative_ts"] = "disabled"
        with av.open(str(path), "w", format=muxer, options=options) as out:
            streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in wanted}
            movers = {stream.index: _Mover(stream, runs) for stream in wanted}
            for packet in packets(container, wanted):
                if packet.size and movers[packet.stream_index].fits(packet):
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
            numbers = {index: stream.index for index, stream in streams.items()}
    return Sidecar(path, numbers)


class _Mover:
    """Moves one stream's packets, and leaves out those that the end of the run before overlaps."""

    def __init__(self, stream: Stream, runs: Runs) -> None:
        self._follower = runs.follow(stream.index)
        self._end: int | None = None
        self._joins = False

    def fits(self, packet: Packet[Any]) -> bool:
        self._joins |= self._follower.move(packet)
        if packet.dts is None:
            return False
        half = (packet.duration or 0) // 2
        if self._joins and self._end is not None and packet.dts < self._end - half:
            return False
        self._joins = False
        self._end = packet.dts + (packet.duration or 0)
        return True
