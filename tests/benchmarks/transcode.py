"""What a conversion costs over a plain transcode: CPU time per frame, frames per second, and memory.

The transcode is ffmpeg's own, with the conversion's codec, preset and constant rate factor, and copied sound. All runs
in one go on one clip, so the ratios hold on any machine, busy or not. A model that draws pictures is a row beside the
maps. Part of ``make bench``; alone: ``python -m tests.benchmarks.transcode [--clip CLIP]``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.config import Every
from cgtool.conversion.model import Model, choose_model
from cgtool.media.encoders import choose_encoder
from cgtool.media.ffmpeg import executable
from tests.benchmarks.pipeline import Cost, cost, pipeline
from tests.tools.demo import bunny

ENGINE = "openvino"


def transcode(clip: Path, target: Path, frames: int) -> int:
    arguments = [part.format(n="v") for part in choose_encoder("h264", 2, 2).arguments]
    command: list[str | Path] = [executable(), "-y", "-loglevel", "error", "-nostdin", "-i", clip]
    subprocess.run([*command, "-map", "0:v:0", "-map", "0:a?", *arguments, "-c:a", "copy", target], check=True)
    return frames


def convert(clip: Path, target: Path, model: Model, every: Every = 1) -> Cost:
    """A conversion, the second one: what the first use of a model prepares is there, and its engine is open."""
    pipeline(clip, target, model, open_backend(model.source, EngineRequest(ENGINE)))
    opened = open_backend(model.source, EngineRequest(ENGINE))
    return cost(lambda: pipeline(clip, target, model, opened, every).frames)


def peak_megabytes(clip: Path, target: Path, to: str) -> int:
    """The largest resident memory of ``cgtool convert`` in a process of its own, without its ffmpeg's."""
    options = ["--engine", ENGINE, "-o", str(target), "--overwrite"]
    command: list[str | Path] = [sys.executable, "-m", "tests.benchmarks.peak_memory", "convert", clip, "--to", to]
    command += options
    done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
    return int(done.stderr.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="The clip; by default Big Buck Bunny.")
    parser.add_argument("--maps", default="winter", metavar="DOMAIN", help="Where a model that gives maps leads.")
    parser.add_argument("--pictures", default="monet", metavar="DOMAIN", help="Where a model that draws leads.")
    arguments = parser.parse_args()
    clip = arguments.clip or bunny()
    columns = ("frames/s", "CPU ms per frame", "CPU over the transcode's", "peak MB")
    table = Table("way", *columns, title=f"{clip.name}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "out.mp4"
        ways: dict[str, tuple[str, Every]] = {
            "maps": (arguments.maps, 1),
            "maps, --every auto": (arguments.maps, "auto"),
            "pictures": (arguments.pictures, 1),
        }
        costs = {way: convert(clip, target, choose_model(to), every) for way, (to, every) in ways.items()}
        plain = cost(lambda: transcode(clip, target, costs["maps"].frames))
        table.add_row("plain transcode", f"{plain.fps:.1f}", f"{plain.cpu_ms_per_frame:.1f}", "1.00", "")
        for way, (to, _) in ways.items():
            one = costs[way]
            ratio = one.cpu_seconds / plain.cpu_seconds
            memory = peak_megabytes(clip, target, to)
            row = (f"{one.fps:.1f}", f"{one.cpu_ms_per_frame:.1f}", f"{ratio:.2f}", f"{memory}")
            table.add_row(way, *row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
