"""``make bench``: how fast a conversion is, against its own parts and against the recipe people use today.

Everything is measured in one run on one clip, so the ratios hold on any machine, busy or not. The recipe is what the
reference implementation's users do: ffmpeg to PNG files, one PyTorch FP32 forward a frame, PNG files, ffmpeg.
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
from cgtool.conversion.jobs import Job
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.translate import Look, Picture, Translator
from cgtool.frame import Frame
from cgtool.media.containers import CONTAINERS, carry
from cgtool.media.encoders import choose_encoder
from cgtool.media.ffmpeg import executable
from cgtool.media.reader import VideoReader
from cgtool.media.writer import Source, VideoWriter
from cgtool.tasks.convert import ConvertOptions, Finished, Result, convert
from tests.demo import bunny

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


def infer(translator: Translator, pictures: list[Picture]) -> list[Picture]:
    starts = range(0, len(pictures), translator.batch)
    return [done for at in starts for done in translator.infer(pictures[at : at + translator.batch])]


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


def pipeline(clip: Path, target: Path, model: Model, opened: Opened) -> Result:
    options = ConvertOptions(overwrite=True)
    for event in convert([Job(clip, target)], model, options, opener=lambda source, request: opened):
        if isinstance(event, Finished):
            assert event.result.status == "converted", event.result.error
            return event.result
    raise AssertionError("a job without a result")


def recipe(clip: Path, folder: Path, model: Model, size: tuple[int, int]) -> int:
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
    parser.add_argument("--to", default="winter")
    parser.add_argument("--json", type=Path, help="Write the figures here as well.")
    arguments = parser.parse_args()
    clip = arguments.clip or bunny()
    model = choose_model(arguments.to, None, None)
    opened = open_backend(model.source, EngineRequest())
    info = opened.backend.info
    with tempfile.TemporaryDirectory() as name, opened.backend:
        folder = Path(name)
        look = Look(model.smooth, texture=model.texture, contrast=model.contrast)
        translator = Translator(opened.backend, model.size, model.training_scale, look)
        with VideoReader(clip) as reader:
            frames = list(reader.frames())
            width, height = reader.info.width, reader.info.height
        size = translator.network_size(width, height)
        pictures = [translator.shrink(frame) for frame in frames]
        infer(translator, pictures[: 2 * translator.batch])  # the first calls compile
        translated = infer(translator, pictures)
        parts = {
            "decode": cost(lambda: decode(clip)),
            "scaling": cost(lambda: len([translator.shrink(frame) for frame in frames])),
            "engine": cost(lambda: len(infer(translator, pictures))),
            "smoothing, detail": cost(lambda: len([translator.finish(translator.smooth(p)) for p in translated])),
            "encode": cost(lambda: encode(clip, folder / "parts.mp4", frames)),
        }
        results: list[Result] = []
        whole = cost(lambda: _run_once(results, clip, folder / "pipeline.mp4", model, opened))
        old = cost(lambda: recipe(clip, folder, model, size))
    busy = {stage: seconds / results[0].seconds for stage, seconds in results[0].busy_seconds.items()}
    figures = {
        "clip": f"{clip.name}, {width}x{height}, {len(frames)} frames",
        "engine": f"{info.engine} {info.precision} on {info.device}, {size[0]}x{size[1]}, batch {info.batch}",
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
    table = Table("part", "frames/s", "CPU ms a frame", "cores busy", title=f"{figures['clip']}; {figures['engine']}")
    rows = {**{f"{part} alone": figure for part, figure in parts.items()}, "pipeline": whole}
    for part, figure in {**rows, "recipe (PNG, torch fp32)": old}.items():
        table.add_row(part, f"{figure.fps:.1f}", f"{figure.cpu_ms_per_frame:.1f}", f"{figure.cores_busy:.0%}")
    console = Console(width=120)
    console.print(table)
    console.print(f"pipeline CPU over its parts' sum: {figures['pipeline_cpu_over_parts']:.3f}")
    console.print(f"pipeline over recipe: {figures['pipeline_over_recipe']:.2f} times the frames a second")


if __name__ == "__main__":
    main()
