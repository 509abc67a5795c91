"""Which preset should each codec have by default? CPU time per frame, VMAF, and size at equal VMAF.

Presets trade CPU time for bytes, and at one constant rate factor they differ in quality too. So every preset encodes
each clip at two rate factors, and its size is read off between them where its VMAF equals that of the first preset at
the codec's default rate factor. VMAF (Li et al., "Toward a Practical Perceptual Video Quality Metric", 2016) is that
of ffmpeg's libvmaf.

Run as ``python -m tests.benchmarks.presets CLIP... [--codec hevc] [--seconds 2]``.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from cgtool.media.encoders import ENCODERS, choose_encoder
from cgtool.media.ffmpeg import executable
from cgtool.media.reader import VideoReader
from cgtool.pictures import Size

CANDIDATES = {
    "h264": ("medium", "fast", "faster", "veryfast", "superfast"),
    "hevc": ("fast", "faster", "veryfast", "superfast", "ultrafast"),
    "av1": ("8", "9", "10", "11"),
    "vp9": ("3", "4", "5"),
}
"""Presets by codec; the first is what the others are compared with."""

RATE_FACTORS_APART = 5


@dataclass(frozen=True)
class Clip:
    """The first seconds of a file: how many frames, and their size."""

    path: Path
    seconds: float
    frames: int
    size: Size

    @classmethod
    def open(cls, path: Path, seconds: float) -> Clip:
        with VideoReader(path, end=Fraction(seconds)) as reader:
            return cls(path, seconds, sum(1 for _ in reader.frames()), Size(reader.info.width, reader.info.height))

    @property
    def input(self) -> list[str]:
        """ffmpeg's arguments that read it."""
        return ["-t", str(self.seconds), "-i", str(self.path)]


@dataclass(frozen=True)
class Encode:
    """CPU milliseconds per frame, kilobytes per frame, and VMAF (0 to 100) of one encode."""

    milliseconds: float
    kilobytes: float
    vmaf: float


def encode(clip: Clip, codec: str, preset: str, crf: int, folder: Path) -> Encode:
    target, log = folder / "encoded.mkv", folder / "vmaf.json"
    choice = choose_encoder(codec, *clip.size, preset=preset, crf=crf)
    arguments = [argument.format(n="v") for argument in choice.arguments]
    milliseconds = _milliseconds(clip, "-an", "-sn", "-dn", *arguments, str(target))
    in_step = "settb=1/25,setpts=N"  # frame by frame, whatever clock the containers keep
    measure = f"libvmaf=n_threads=2:n_subsample=3:log_fmt=json:log_path={log}"
    compare = f"[0:v]{in_step}[a];[1:v]{in_step}[b];[a][b]{measure}"
    _ffmpeg("-i", str(target), *clip.input, "-lavfi", compare, "-fps_mode", "passthrough", "-f", "null", "-")
    vmaf = json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"]
    return Encode(milliseconds, target.stat().st_size / 1000 / clip.frames, vmaf)


def size_at(vmaf: float, low: Encode, high: Encode) -> float:
    """Kilobytes per frame at a VMAF, between (or a little beyond) two encodes: size is about exponential in VMAF."""
    if math.isclose(low.vmaf, high.vmaf):
        return low.kilobytes
    share = (vmaf - high.vmaf) / (low.vmaf - high.vmaf)
    return math.exp(share * math.log(low.kilobytes) + (1 - share) * math.log(high.kilobytes))


def rows(clips: Sequence[Clip], codec: str) -> Iterator[str]:
    """The table's rows of a codec: means over the clips, CPU time and bytes as ratios to the first preset's."""
    crf = ENCODERS[codec].crf
    assert crf is not None
    outcomes: dict[str, list[tuple[float, float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for clip in clips:
            decoding = _milliseconds(clip, "-an", "-f", "null", "-")  # taken off every encode
            wanted = None
            for preset in CANDIDATES[codec]:
                rates = (crf, crf + RATE_FACTORS_APART)
                here, worse = (encode(clip, codec, preset, rate, Path(scratch)) for rate in rates)
                wanted = wanted or here
                share = (here.milliseconds - decoding) / (wanted.milliseconds - decoding)
                equal = size_at(wanted.vmaf, here, worse) / wanted.kilobytes
                outcomes.setdefault(preset, []).append((share, here.vmaf, here.kilobytes / wanted.kilobytes, equal))
    for preset, values in outcomes.items():
        share, vmaf, size, equal = (statistics.mean(column) for column in zip(*values, strict=True))
        name = f"**{codec} {preset}**" if preset == ENCODERS[codec].preset else f"{codec} {preset}"
        yield f"| {name} | {share:.2f} | {vmaf:.1f} | {size:.2f} | {equal:.2f} |"


def _milliseconds(clip: Clip, *output: str) -> float:
    """CPU milliseconds per frame of ffmpeg on a clip's video."""
    before = _children_seconds()
    _ffmpeg(*clip.input, "-map", "0:v:0", *output)
    return 1000 * (_children_seconds() - before) / clip.frames


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ffmpeg(*arguments: str) -> None:
    subprocess.run([executable(), "-hide_banner", "-loglevel", "fatal", "-nostdin", "-y", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--codec", choices=list(CANDIDATES), action="append")
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    clips = [Clip.open(path, arguments.seconds) for path in arguments.clips]
    print("| codec and preset | CPU time | VMAF at the default crf | bytes at the default crf | bytes at equal VMAF |")
    print("|---|---|---|---|---|")
    for codec in arguments.codec or CANDIDATES:
        for row in rows(clips, codec):
            print(row, flush=True)


if __name__ == "__main__":
    main()
