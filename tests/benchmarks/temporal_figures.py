"""How steady and how sharp: the figures of smoothing and detail transfer, and what they cost beside the encoder.

Four rows for every clip (the network's raw result scaled up, smoothing only, detail only, both), measured as
``cgtool measure`` measures; real clips, and two synthetic ones that are hard on optical flow. Whatever misses its goal
is named at the end. The network runs once a clip (PyTorch FP32); its results are kept in ``--cache``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import torch
from numpy.typing import NDArray

from cgtool.change.detail import GuidedDetail, resized
from cgtool.change.measures import PROTOCOL, Measures, Meter
from cgtool.change.smoothing import Smoother
from cgtool.config import LEAST_CONTRAST, Direction
from cgtool.media.reader import VideoReader
from cgtool.models.folder import Defaults, ModelFolder, read_model_folder
from cgtool.models.weights import load_generator
from tests.change.scenes import crossing, pan

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "engines" / "photo2monet"
DIRECTION: Direction = "A_to_B"
CLIPS = (
    "01_dashcam_960x540_aac",
    "02_snowfield_720p_ntsc_aac",
    "05_summergrass_720p_aac",
    "09_phone_garden_848x480_vfr_aac",
)
SHOWN = (0, 60, 61)
"""Frames of which a picture is written, besides the last."""

Image = NDArray[np.uint8]
Enlarge = Callable[[Image, Image, Image], Image]


@dataclass(frozen=True)
class Clip:
    """A clip and what the network made of it, at the network's size."""

    name: str
    frames: list[Image]
    seconds: list[float]
    small: list[Image]
    raw: list[Image]


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds per megapixel of output."""

    smoothing: float
    detail: float
    x264_medium: float


@dataclass(frozen=True)
class Figures:
    """One clip's rows, by name, and costs."""

    clip: str
    rows: dict[str, Measures]
    cost: Cost


def main() -> None:
    """Measure every clip, print the table and the goals that were missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder that holds clips/")
    parser.add_argument("--clips", nargs="*", default=[*CLIPS, "pan", "crossing"])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--model", type=Path, default=MODEL, help="model folder; its defaults are measured")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "cgtool-figures")
    parser.add_argument("--pictures", type=Path, help="folder for full-size PNGs: source, raw / detail only, both")
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    for folder in filter(None, (arguments.cache, arguments.pictures)):
        folder.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    model = read_model_folder(arguments.model)

    all_figures = []
    print(PROTOCOL, "\n", HEADER, sep="")
    for name in arguments.clips:
        clip = load(name, arguments.frames, arguments.data, arguments.cache, model)
        figures = measure(clip, model.defaults, arguments.pictures)
        print(*table(figures), sep="\n", flush=True)
        all_figures.append(figures)
    print("\nCPU milliseconds per output megapixel: smoothing + detail, beside x264 medium")
    for figures in all_figures:
        cost = figures.cost
        print(f"{figures.clip}: {cost.smoothing:.1f} + {cost.detail:.1f}, x264 {cost.x264_medium:.1f}")
    missed = [line for figures in all_figures for line in goals_missed(figures)]
    print("\nGoals missed:", *(missed or ["none"]), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(figures) for figures in all_figures], indent=1))


def load(name: str, count: int, data: Path, cache: Path, model: ModelFolder) -> Clip:
    """Frames of a clip, and the network's results, from the cache where they are."""
    frames, seconds = synthetic(name, count) if name in ("pan", "crossing") else decode(data / "clips", name, count)
    short = model.defaults.size
    height, width = frames[0].shape[:2]
    size = round(width * short / min(width, height)), round(height * short / min(width, height))
    small = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    cached = cache / f"{name}_{len(frames)}_{short}_{model.weights[DIRECTION].sha256[:12]}.npy"
    if not cached.exists():
        np.save(cached, np.stack(list(translate(small, model))))
    return Clip(name, frames, seconds, small, list(np.load(cached)))


def decode(folder: Path, name: str, count: int) -> tuple[list[Image], list[float]]:
    """The first frames of a real clip and when they are shown."""
    with VideoReader(next(folder.glob(f"{name}.*"))) as reader:
        frames = list(itertools.islice(reader.frames(), count))
    return [frame.pixels for frame in frames], [float(frame.pts_seconds) for frame in frames]


def synthetic(name: str, count: int) -> tuple[list[Image], list[float]]:
    """A fast pan, 20 pixels a frame, or a disc that crosses at 25: 8 and 10 at the network's size."""
    count = min(count, 56)
    frames = pan(count, 720, 1280, step=20) if name == "pan" else crossing(count, 720, 1280, step=25, radius=100)[0]
    return frames, [i / 25 for i in range(count)]


def translate(small: list[Image], model: ModelFolder) -> Iterator[Image]:
    """The network's results."""
    network = load_generator(model, DIRECTION).eval()
    for picture in small:
        height, width = picture.shape[:2]
        padded = cv2.copyMakeBorder(picture, 0, -height % 4, 0, -width % 4, cv2.BORDER_REFLECT_101)
        scaled = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.inference_mode():
            result = ((network(scaled)[0] + 1) * 127.5).round().clamp(0, 255)
        yield result.permute(1, 2, 0).to(torch.uint8).numpy()[:height, :width]


def measure(clip: Clip, defaults: Defaults, pictures: Path | None) -> Figures:
    """Every row of one clip; frame by frame, so that memory stays small."""
    smoother = Smoother(defaults.smooth)
    contrast = LEAST_CONTRAST if defaults.contrast is None else defaults.contrast
    guided = GuidedDetail(texture=defaults.texture, contrast=contrast)
    all_texture = GuidedDetail(texture=1, contrast=contrast)
    names = ("raw", "smoothing", "detail", "both", "both, texture 1")
    meters = {name: Meter() for name in names}
    smoothing_seconds = detail_seconds = 0.0
    with X264(clip.frames[0].shape[1], clip.frames[0].shape[0]) as encoder:
        for index, (frame, seconds, small, raw) in enumerate(
            zip(clip.frames, clip.seconds, clip.small, clip.raw, strict=True)
        ):
            begin = time.process_time()
            steady = smoother.step(small, raw, seconds)
            middle = time.process_time()
            both = guided(frame, small, steady)
            smoothing_seconds += middle - begin
            detail_seconds += time.process_time() - middle
            encoder.write(both)
            shown = {
                "raw": resized(frame, raw),
                "smoothing": resized(frame, steady),
                "detail": guided(frame, small, raw),
                "both": both,
                "both, texture 1": all_texture(frame, small, steady),
            }
            for name in names:
                meters[name].step(frame, shown[name])
            if pictures and index in (*SHOWN, len(clip.frames) - 1):
                rows = (frame, shown["raw"]), (shown["detail"], both)
                sheet = np.vstack([np.hstack(row) for row in rows])
                cv2.imwrite(str(pictures / f"{clip.name}_{index:03}.png"), sheet[..., ::-1])
    to_cost = 1e3 / (len(clip.frames) * clip.frames[0].size / 3e6)
    cost = Cost(smoothing_seconds * to_cost, detail_seconds * to_cost, encoder.cpu_seconds * to_cost)
    return Figures(clip.name, {name: meter.summary() for name, meter in meters.items()}, cost)


class X264:
    """libx264 at its medium preset on raw frames, for its CPU time; what it writes is thrown away."""

    def __init__(self, width: int, height: int) -> None:
        layout = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25", "-i", "-"]
        encoding = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "medium", "-f", "null", "-"]
        executable = imageio_ffmpeg.get_ffmpeg_exe()
        self._process = subprocess.Popen([executable, "-v", "error", *layout, *encoding], stdin=subprocess.PIPE)
        self.cpu_seconds = 0.0

    def write(self, frame: Image) -> None:
        """Encode a frame."""
        assert self._process.stdin is not None
        self._process.stdin.write(frame.tobytes())

    def __enter__(self) -> X264:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        wait_status, usage = os.wait4(self._process.pid, 0)[1:]
        self._process.returncode = os.waitstatus_to_exitcode(wait_status)
        if self._process.returncode:
            raise SystemExit(f"ffmpeg failed with exit code {self._process.returncode}")
        self.cpu_seconds = _cpu_seconds(usage)


def _cpu_seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


HEADER = """
| clip | row | E_warp x1e5 | source x1e5 | share of raw's excess | brightness x1e4 | colour x1e4 | edges | change kept |
|---|---|---|---|---|---|---|---|---|"""


def table(figures: Figures) -> Iterator[str]:
    """The rows in Markdown."""
    raw = Row(figures.rows["raw"])
    for name, measures in figures.rows.items():
        row = Row(measures)
        share = f"{row.excess / raw.excess:.3f}" if raw.excess > 0 else "raw is below the source"
        yield (
            f"| {figures.clip} | {name} | {row.warp_error * 1e5:.2f} | {row.source_warp_error * 1e5:.2f} | {share} "
            f"| {row.brightness * 1e4:.2f} | {row.colour * 1e4:.2f} | {row.edges:.3f} | {row.change / raw.change:.3f} |"
        )


class Row:
    """Measures of a clip that has every one of them."""

    def __init__(self, measures: Measures) -> None:
        def known(value: float | None) -> float:
            assert value is not None
            return value

        self.warp_error = known(measures.warp_error)
        self.source_warp_error = known(measures.source_warp_error)
        self.brightness = known(measures.brightness_flicker)
        self.colour = known(measures.colour_flicker)
        self.edges = known(measures.edges)
        self.change = known(measures.change)
        self.excess = self.warp_error - self.source_warp_error


def goals_missed(figures: Figures) -> Iterator[str]:
    """The goals of the project's issue on steadiness that this clip misses."""
    rows = {name: Row(measures) for name, measures in figures.rows.items()}
    raw, detail, both = rows["raw"], rows["detail"], rows["both"]
    excess = max(0.0, raw.excess)
    goals = {
        "E_warp of both: the source's and a tenth of raw's excess": both.excess <= 0.1 * excess,
        "E_warp of smoothing: half of raw's excess": rows["smoothing"].excess <= 0.5 * excess,
        "E_warp at texture 1: half of raw's excess": rows["both, texture 1"].excess <= 0.5 * excess,
        "brightness flicker of both: a third of raw's": both.brightness <= raw.brightness / 3,
        "colour flicker of both: a third of raw's": both.colour <= raw.colour / 3,
        "change of both: 0.8 of raw's": both.change >= 0.8 * raw.change,
        "edges of both: 85% of the source's": both.edges >= 0.85,
        "edges: smoothing takes no more than 3 points": both.edges >= detail.edges - 0.03,
        "cost: at most x264 medium's": figures.cost.smoothing + figures.cost.detail <= figures.cost.x264_medium,
    }
    return (f"{figures.clip}: {goal}" for goal, reached in goals.items() if not reached)


if __name__ == "__main__":
    main()
