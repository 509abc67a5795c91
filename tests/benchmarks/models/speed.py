"""What each shipped model costs, as the Markdown table of ``engines/README.md``.

``python -m tests.benchmarks.models.speed [MODEL...]``. Engine: milliseconds per frame of the clip, at the size at which
the model sees it, on OpenVINO at its usual precision. Conversion: frames per second, and CPU time over that of a plain
transcode by ffmpeg with the same encoder, in the same run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from cgtool.backends.proof import milliseconds_per_frame
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.network import Network
from cgtool.media.reader import VideoReader
from cgtool.models.folder import read_model_folder
from cgtool.pictures import Size
from cgtool.tasks.models import model_row
from tests.benchmarks.pipeline import Cost, cost
from tests.benchmarks.transcode import ENGINE, convert, transcode
from tests.tools.demo import bunny

ENGINES = Path(__file__).resolve().parents[3] / "engines"
HEADS = (
    "model", "to", "parameters", "seen at", "engine, ms per frame", "frames/s", "CPU ms per frame", "over a transcode",
)  # fmt: skip


def engine_cells(model: Model, frame: Size) -> tuple[str, str]:
    """The size at which a model sees a frame, and its engine's median time of one."""
    backend = open_backend(model.source, EngineRequest(ENGINE)).backend
    with backend:
        size = Network(backend, model.look.size, model.training_scale, maps=model.source.maps).size_of(frame)
        return str(size), f"{milliseconds_per_frame([backend], size)[0]:.1f}"


def row(folder: Path, clip: Path, frame: Size, target: Path, plain: Cost) -> tuple[str, ...]:
    """One model's costs, in the direction from its first domain to its second."""
    files = read_model_folder(folder)
    model = choose_model(files.domains[1], str(folder))
    one = convert(clip, target, model)
    over = one.cpu_seconds / plain.cpu_seconds
    costs = (f"{one.fps:.1f}", f"{one.cpu_ms_per_frame:.1f}", f"{over:.2f}")
    return (files.name, model.target, f"{model_row(files).parameters / 1e6:.1f} M", *engine_cells(model, frame), *costs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path, help="model folders; by default the shipped ones")
    parser.add_argument("--clip", type=Path, help="default: Big Buck Bunny")
    arguments = parser.parse_args()
    clip = arguments.clip or bunny()
    with VideoReader(clip) as reader:
        frame = Size(reader.info.width, reader.info.height)
        frames = sum(1 for _ in reader.frames())
    print(f"{clip.name}, {frame}, {frames} frames, {len(os.sched_getaffinity(0))} cores\n")
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "out.mp4"
        plain = cost(lambda: transcode(clip, target, frames))
        bare = ("a plain transcode", "", "", "", "", f"{plain.fps:.1f}", f"{plain.cpu_ms_per_frame:.1f}", "1.00")
        for cells in (HEADS, ("---",) * len(HEADS), bare):
            print("| " + " | ".join(cells) + " |")
        for folder in arguments.models or sorted(path.parent for path in ENGINES.glob("*/model.json")):
            print("| " + " | ".join(row(folder, clip, frame, target, plain)) + " |", flush=True)


if __name__ == "__main__":
    main()
