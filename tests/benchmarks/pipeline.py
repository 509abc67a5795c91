"""``make bench``: how fast a conversion is, against its own parts and against the recipe people use today.

Everything is measured in one run on one clip, so the ratios hold on any machine, busy or not. The recipe is what the
reference implementation's users do: ffmpeg to PNG files, one PyTorch FP32 forward per frame, PNG files, ffmpeg.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.table import Table

from cgtool.backends.opening import Opened
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.config import Every
from cgtool.conversion.events import Finished, Result
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.network import Network, Small, Translated
from cgtool.conversion.rendering import Rendering
from cgtool.conversion.request import ConvertRequest
from cgtool.frame import Frame
from cgtool.media.containers import CONTAINERS, carry
from cgtool.media.encoders import choose_encoder
from cgtool.media.ffmpeg import executable
from cgtool.media.input.beside import Source
from cgtool.media.reader import VideoReader
from cgtool.media.writer import VideoWriter
from cgtool.pictures import Size
from cgtool.tasks.convert import convert, lay_out
from tests.tools.demo import bunny

RECIPE_FRAMES = 40
"""The recipe is slow: so many frames are enough for its rate."""


@dataclass(frozen=True)
class Cost:
    """What a part took: frames, wall-clock seconds, and CPU seconds of this process and its children."""

    frames: int
    seconds: float
    cpu_seconds: float

    @property
    def fps(self) -> float:
        return self.frames / self.seconds

    @property
    def cpu_ms_per_frame(self) -> float:
        return 1000 * self.cpu_seconds / self.frames

    @property
    def cores_busy(self) -> float:
        return self.cpu_seconds / self.seconds / len(os.sched_getaffinity(0))


def cpu_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def cost(work: Callable[[], int]) -> Cost:
    begin, cpu = time.perf_counter(), cpu_seconds()
    frames = work()
    return Cost(frames, time.perf_counter() - begin, cpu_seconds() - cpu)


def decode(clip: Path) -> int:
    with VideoReader(clip) as reader:
        return sum(1 for _ in reader.frames())


def infer(network: Network, frames: list[Small]) -> list[Translated]:
    starts = range(0, len(frames), network.batch)
    return [done for at in starts for done in network.infer(frames[at : at + network.batch])]


def render(model: Model, frames: list[Translated]) -> int:
    rendering = Rendering(model.look)
    return sum(1 for _ in (rendering.finish(rendering.steady(frame)) for frame in frames))


def encode(clip: Path, target: Path, frames: Iterable[Frame]) -> int:
    container = CONTAINERS[target.suffix]
    with VideoReader(clip) as reader:
        info = reader.info
        encoder = choose_encoder("h264", info.width, info.height)
        carried, _ = carry(reader.streams(), container, info.stream_index)
        with VideoWriter(target, container, encoder, info, Source(clip, carried), overwrite=True) as writer:
            count = 0
            for frame in frames:
                writer.write(frame)
                count += 1
            writer.finish()
    return count


def pipeline(clip: Path, target: Path, model: Model, opened: Opened, every: Every = 1) -> Result:
    batch = lay_out(ConvertRequest(clip, output=target, model=model, overwrite=True, every=every))
    for event in convert(batch, opener=lambda source, request: opened):
        if isinstance(event, Finished):
            assert event.result.status == "converted", event.result.error
            return event.result
    raise AssertionError("a job without a result")


def recipe(clip: Path, folder: Path, model: Model, size: Size) -> int:
    """PNG files, PyTorch, PNG files; the sound is copied and the rate is constant, as the usual script does."""
    ffmpeg: list[str | Path] = [executable(), "-y", "-loglevel", "error", "-nostdin"]
    subprocess.run([*ffmpeg, "-i", clip, "-frames:v", str(RECIPE_FRAMES), folder / "in_%05d.png"], check=True)
    network = model.source.load()
    inputs = sorted(folder.glob("in_*.png"))
    with torch.inference_mode():
        for path in inputs:
            loaded = cv2.imread(str(path))
            assert loaded is not None
            image = cv2.cvtColor(loaded, cv2.COLOR_BGR2RGB)
            small = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
            tensor = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1
            height, width = tensor.shape[2:]
            stride = model.source.stride
            padding = (0, -width % stride, 0, -height % stride)
            translated = network(torch.nn.functional.pad(tensor, padding, mode="reflect"))[:, :, :height, :width]
            result = ((translated[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).byte().numpy()
            large = cv2.resize(result, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / path.name.replace("in_", "out_")), cv2.cvtColor(large, cv2.COLOR_RGB2BGR))
    encoder = choose_encoder("h264", *size)
    arguments = (
        f"-map 0:v -map 1:a? -c:a copy -c:v libx264 -crf 18 -preset fast -pix_fmt {encoder.pixel_format}".split()
    )
    pngs: list[str | Path] = ["-framerate", "25", "-i", folder / "out_%05d.png", "-i", clip]
    subprocess.run([*ffmpeg, *pngs, *arguments, "-shortest", folder / "recipe.mp4"], check=True)
    return len(inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="The clip; by default Big Buck Bunny.")
    parser.add_argument("--to", default="monet", help="Where a model that draws pictures leads.")
    parser.add_argument("--json", type=Path, help="Write the figures here as well.")
    arguments = parser.parse_args()
    clip = arguments.clip or bunny()
    model = choose_model(arguments.to, None, None)
    opened = open_backend(model.source, EngineRequest())
    info = opened.backend.info
    with tempfile.TemporaryDirectory() as name, opened.backend:
        folder = Path(name)
        network = Network(opened.backend, model.look.size, model.training_scale)
        with VideoReader(clip) as reader:
            frames = list(reader.frames())
            frame_size = Size(reader.info.width, reader.info.height)
        size = network.size_of(frame_size)
        small = [network.shrink(frame) for frame in frames]
        infer(network, small[: 2 * network.batch])  # the first calls compile
        translated = infer(network, small)
        parts = {
            "decode": cost(lambda: decode(clip)),
            "scaling": cost(lambda: len([network.shrink(frame) for frame in frames])),
            "engine": cost(lambda: len(infer(network, small))),
            "smoothing, detail": cost(lambda: render(model, translated)),
            "encode": cost(lambda: encode(clip, folder / "parts.mp4", frames)),
        }
        results: list[Result] = []
        whole = cost(lambda: _run_once(results, clip, folder / "pipeline.mp4", model, opened))
        old = cost(lambda: recipe(clip, folder, model, size))
    busy = {stage: seconds / results[0].seconds for stage, seconds in results[0].busy_seconds.items()}
    figures = {
        "clip": f"{clip.name}, {frame_size}, {len(frames)} frames",
        "engine": f"{info.engine} {info.precision} on {info.device}, {size}, batch {info.batch}",
        "cores": len(os.sched_getaffinity(0)),
        "parts": {part: asdict(figure) | {"fps": figure.fps} for part, figure in parts.items()},
        "pipeline": asdict(whole) | {"fps": whole.fps, "cores_busy": whole.cores_busy, "stage_busy": busy},
        "recipe": asdict(old) | {"fps": old.fps},
        "pipeline_cpu_over_parts": whole.cpu_seconds / sum(part.cpu_seconds for part in parts.values()),
        "pipeline_over_recipe": whole.fps / old.fps,
    }
    _print(figures, parts, whole, old)
    print(json.dumps(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def _run_once(results: list[Result], clip: Path, target: Path, model: Model, opened: Opened) -> int:
    results.append(pipeline(clip, target, model, opened))
    return results[-1].frames


def _print(figures: dict[str, object], parts: dict[str, Cost], whole: Cost, old: Cost) -> None:
    table = Table("part", "frames/s", "CPU ms per frame", "cores busy", title=f"{figures['clip']}; {figures['engine']}")
    rows = {**{f"{part} alone": figure for part, figure in parts.items()}, "pipeline": whole}
    for part, figure in {**rows, "recipe (PNG, torch fp32)": old}.items():
        table.add_row(part, f"{figure.fps:.1f}", f"{figure.cpu_ms_per_frame:.1f}", f"{figure.cores_busy:.0%}")
    console = Console(width=120)
    console.print(table)
    console.print(f"pipeline CPU over its parts' sum: {figures['pipeline_cpu_over_parts']:.3f}")
    console.print(f"pipeline over recipe: {figures['pipeline_over_recipe']:.2f} times the frames per second")


if __name__ == "__main__":
    main()
