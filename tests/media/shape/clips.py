"""Clips of frames that are interlaced, or that change their size."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.probe import make
from tests.helpers.samples import numbered


def interlaced(path: Path, *arguments: str, order: str = "tff", seconds: float = 0.8) -> Path:
    """A bright bar that moves 2 pixels per field on black, 25 frames per second, in MPEG-2 or as ``arguments`` say.

    The bar is at 4 + 2 n pixels from the left in the n-th field.
    """
    moving = f"color=black:size=160x96:rate=50:duration={seconds},format=gray,geq=lum='if(between(X-2*N,4,19),235,16)'"
    fields = f"{moving},format=yuv420p,interlace=scan={order}:lowpass=off,setfield={order}"
    how = arguments or ("-c:v", "mpeg2video", "-q:v", "1", "-flags", "+ildct+ilme", "-bf", "0")
    return make(path, "-f", "lavfi", "-i", fields, *how)


def joined(path: Path, *sizes: tuple[str, int], filters: str = "") -> Path:
    """A transport stream of parts: each has a size and a number of frames, flat gray, 10 frames per second."""
    parts, at = [], 0.0
    for number, (size, count) in enumerate(sizes):
        arguments = ["-output_ts_offset", str(at), *(["-vf", filters] if filters else [])]
        parts.append(numbered(path.with_name(f"{number}.ts"), count, *arguments, size=size))
        at += count / 10
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path
