"""Makes the pictures from Big Buck Bunny: a sample of each model, a crop at full size, and steadiness over time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cgtool.media.images import StillImage, write_image
from cgtool.media.reader import VideoReader
from cgtool.tasks.measure import measure
from tests.tools.contact_sheet import contact_sheet
from tests.tools.demo import bunny

ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "summer2winter": "winter",
    "photo2monet": "monet",
    "day2night": "night",
    "photo2vangogh": "vangogh",
    "horse2zebra": "zebra",
    "day2sunset": "sunset",
}
CROP = ROOT / "tests" / "benchmarks" / "crop.jpg"
STEADINESS = ROOT / "tests" / "benchmarks" / "steadiness.png"
FRAME = 40
PLAIN = ["--smooth", "0", "--detail", "resize"]


def convert(target: Path, to: str, *options: str) -> Path:
    command = [sys.executable, "-m", "cgtool", "convert", str(bunny()), "--to", to, "-o", str(target), *options]
    subprocess.run(command, check=True)
    return target


def frame(path: Path) -> NDArray[np.uint8]:
    with VideoReader(path) as reader:
        return next(frame.pixels for frame in reader.frames() if frame.index == FRAME)


def steadiness(results: dict[str, Path]) -> None:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panel = figure.subplots()
    for name, path in results.items():
        frames = list(measure(bunny(), path))
        seconds = [one.pts_seconds for one in frames]
        panel.plot(seconds, [one.figures.warp_error or float("nan") for one in frames], label=name, linewidth=1)
    floor = [one.figures.source_warp_error or float("nan") for one in frames]
    panel.plot(seconds, floor, label="the source itself", linewidth=1, color="gray")
    panel.set_xlabel("seconds")
    panel.set_ylabel("E_warp (lower is steadier)")
    panel.set_yscale("log")
    panel.grid(alpha=0.3)
    panel.legend()
    figure.savefig(STEADINESS, dpi=90)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        source = frame(bunny())
        results = {model: convert(Path(name) / f"{to}.mp4", to) for model, to in MODELS.items()}
        for model, path in results.items():
            sheet = StillImage(contact_sheet([[source, frame(path)]], cell_width=600))
            write_image(ROOT / "engines" / model / "sample.jpg", sheet, quality=88)
        default = results["photo2monet"]
        plain = convert(Path(name) / "plain.mp4", "monet", *PLAIN)
        raw, result = frame(plain), frame(default)
        crops = [picture[300:580, 380:780] for picture in (source, raw, result)]
        columns = ("source", "network's picture, scaled", "cgtool's default")
        write_image(CROP, StillImage(contact_sheet([crops], columns=columns, cell_width=400)), quality=90)
        steadiness({"frame by frame, scaled": plain, "cgtool's default": default})


if __name__ == "__main__":
    main()
