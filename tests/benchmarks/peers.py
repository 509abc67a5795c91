"""``make bench-peers``: cgtool beside VapourSynth with vs-mlrt's OpenVINO backend: same clip, encoder and machine.

The peer runs the shipped picture network at 456x256, scales its picture up and steadies nothing. Both are measured as
whole commands, start-up included. VapourSynth comes from PyPI, into an environment of its own; it needs Python 3.12.

Run as ``python -m tests.benchmarks.peers --python PYTHON3.12 [--clip CLIP]``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from cgtool.conversion.model import choose_model
from cgtool.media.encoders import choose_encoder
from cgtool.media.ffmpeg import executable
from cgtool.media.reader import VideoReader
from tests.benchmarks.pipeline import Cost, cost
from tests.benchmarks.transcode import ENGINE
from tests.tools.demo import bunny

PACKAGES = ("vapoursynth", "vapoursynth-mlrt-ov", "vapoursynth-bestsource")
ENVIRONMENT = Path(".venv-peers")
LEAST_PYTHON = (3, 12)
WIDTH, HEIGHT = 456, 256

SCRIPT = f"""
import sys
import vapoursynth as vs

clip, network = sys.argv[1:]
source = vs.core.bs.VideoSource(clip)
small = source.resize.Bicubic({WIDTH}, {HEIGHT}, format=vs.RGBS, matrix_in_s="709")
drawn = vs.core.ov.Model([small], network_path=network, device="CPU", num_streams=2)
large = drawn.resize.Bicubic(source.width, source.height, format=vs.YUV420P8, matrix_s="709")
large.output(sys.stdout.buffer, y4m=True)
"""


class Plain(nn.Module):
    """A generator as vs-mlrt wants it: float RGB from 0 to 1, planes first."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = (self.generator(2 * image - 1) + 1) / 2
        return result


def environment(python: str) -> Path:
    """The Python that has VapourSynth; it is installed at the first call.

    Raises:
        SystemExit: It can't be had; says why.
    """
    there = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / ".installed"
    if ready.exists():
        return there
    version = subprocess.run(
        [python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    ).stdout.split()
    if tuple(map(int, version)) < LEAST_PYTHON:
        found = ".".join(version) or "none"
        sys.exit(f"bench-peers: VapourSynth needs Python 3.12 or newer; {python} is {found}. Use NEWEST_PYTHON=...")
    subprocess.run([python, "-m", "venv", ENVIRONMENT], check=True)
    install: list[str | Path] = [there, "-m", "pip", "install", "--quiet", *PACKAGES]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench-peers: VapourSynth can't be installed: {done.stderr.strip()[-300:]}")
    ready.touch()
    return there


def export(target: Path, to: str) -> Path:
    """The shipped picture network in ONNX."""
    network = Plain(choose_model(to).source.load()).eval()
    image = torch.zeros(1, 3, HEIGHT, WIDTH)
    torch.onnx.export(network, (image,), str(target), dynamo=True, external_data=False, verbose=False)
    return target


def peer(python: Path, clip: Path, network: Path, target: Path) -> None:
    arguments = [part.format(n="v") for part in choose_encoder("h264", 2, 2).arguments]
    inputs: list[str | Path] = ["-f", "yuv4mpegpipe", "-i", "pipe:0", "-i", clip, "-map", "0:v", "-map", "1:a?"]
    command: list[str | Path] = [executable(), "-y", "-loglevel", "error", *inputs, *arguments, "-c:a", "copy", target]
    frames = subprocess.Popen([python, "-c", SCRIPT, clip.resolve(), network], stdout=subprocess.PIPE)
    subprocess.run(command, stdin=frames.stdout, check=True)
    assert frames.wait() == 0


def ours(clip: Path, target: Path, to: str) -> None:
    command: list[str | Path] = [sys.executable, "-m", "cgtool", "convert", clip, "--to", to, "--engine", ENGINE]
    subprocess.run([*command, "-o", target, "--overwrite", "--quiet"], check=True)


def measured(work: Callable[[], None], frames: int) -> Cost:
    """The second run's cost: the first one prepares what later ones find."""
    work()

    def again() -> int:
        work()
        return frames

    return cost(again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="A Python of 3.12 or newer.")
    parser.add_argument("--clip", type=Path, help="The clip; by default Big Buck Bunny.")
    parser.add_argument("--maps", default="winter", metavar="DOMAIN", help="Where a model that gives maps leads.")
    parser.add_argument("--pictures", default="monet", metavar="DOMAIN", help="Where a model that draws leads.")
    arguments = parser.parse_args()
    python = environment(arguments.python)
    with tempfile.TemporaryDirectory() as name:
        clip, target = arguments.clip or bunny(), Path(name) / "out.mp4"
        with VideoReader(clip) as reader:
            frames = sum(1 for _ in reader.planar_frames())
        network = export(Path(name) / "plain.onnx", arguments.pictures)
        costs = {
            "VapourSynth, vs-mlrt": measured(lambda: peer(python, clip, network, target), frames),
            "cgtool, maps": measured(lambda: ours(clip, target, arguments.maps), frames),
            "cgtool, pictures": measured(lambda: ours(clip, target, arguments.pictures), frames),
        }
    table = Table("way", "frames/s", "CPU ms per frame", "frames/s over the peer's", title=f"{frames} frames")
    first = next(iter(costs.values()))
    for way, one in costs.items():
        table.add_row(way, f"{one.fps:.1f}", f"{one.cpu_ms_per_frame:.1f}", f"{one.fps / first.fps:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
