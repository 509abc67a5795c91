"""Packets of a file in order, however damaged it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

_MOST_GAPS = 10_000
"""Give up on a transport stream after this many stretches in a row (64 KiB each) that hold no packet."""

# Until 18, PyAV raised UnicodeDecodeError over metadata in another encoding unless told otherwise; from 19 on it knows
# no such option, and always gives surrogates for what is no UTF-8.
_OPEN_OPTIONS: dict[str, Any] = {"metadata_errors": "surrogateescape"} if int(av.__version__.split(".")[0]) < 19 else {}


def open_container(path: str | Path) -> InputContainer:
    """Open a file for reading, whatever its name looks like and its metadata is encoded in.

    Metadata that is no UTF-8 is given with surrogates. What FFmpeg logs stays unheard from then on, see below.

    Raises:
        av.FFmpegError: It can't be opened.
    """
    # Freeing a decoder, PyAV waits for the decoder's threads and holds Python's lock, which a thread that logs needs:
    # both wait for ever. PyAV's logging is off unless somebody turned it on, as torchvision did until its video went.
    av.logging.set_level(None)
    return cast(InputContainer, av.open(f"file:{path}", "r", **_OPEN_OPTIONS))


def clock_may_jump(stream: Stream) -> bool:
    """Whether a stream's format allows its clock to go on elsewhere in the middle of a file: MPEG's streams."""
    return stream.container.format.name in ("mpegts", "mpeg")


def packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Any]]:
    """The packets of some streams, the empty ones at the end included; stretches of rubbish are stepped over.

    Raises:
        av.FFmpegError: The file can't be read any further.
    """
    coming = container.demux(*streams)
    gaps = 0
    while True:
        try:
            packet = next(coming)
        except StopIteration:
            return
        except av.BlockingIOError:  # a transport stream's stretch of rubbish; behind it things may go on
            gaps += 1
            if gaps == _MOST_GAPS:
                return
            coming = container.demux(*streams)
        else:
            gaps = 0
            yield packet
