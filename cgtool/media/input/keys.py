"""Recordings that begin between key frames: what comes before the first one can't be decoded."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import av
from av.video.stream import VideoStream

from cgtool.media.input.packets import open_container, packets

_PREDICTING = frozenset(
    {"h264", "hevc", "vvc", "av1", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "h263", "theora", "vc1", "wmv3"}
)
"""Codecs whose decoders show grey or nothing until a key frame, and whose key frames files and parsers tell apart."""
_MOST_PACKETS = 1000
"""A stream without a key frame among so many packets has none, or they aren't marked: all is shown."""


def has_key_ahead(path: Path, stream: VideoStream) -> bool:
    """Whether decoding a file from its beginning must wait for a key frame, and one comes soon."""
    if stream.codec_context.codec.canonical_name not in _PREDICTING:
        return False
    with contextlib.suppress(av.FFmpegError), open_container(path) as container:
        coming = packets(container, [container.streams[stream.index]])
        keys = (packet.is_keyframe for packet in itertools.islice(coming, _MOST_PACKETS) if packet.size)
        return not next(keys, True) and any(keys)
    return False
