"""Real frames, generators and a cache folder for the tests of backends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.backends.support import Sources


@pytest.fixture(scope="session")
def video_frames(bunny: Path) -> NDArray[np.uint8]:
    """Four frames of a real clip, half a second apart, 288x512."""
    with av.open(bunny) as container:
        decoded = itertools.islice(container.decode(video=0), 0, 48, 12)
        frames = [frame.to_ndarray(format="rgb24") for frame in decoded]
    return np.stack([cv2.resize(frame, (512, 288), interpolation=cv2.INTER_AREA) for frame in frames]).astype(np.uint8)


@pytest.fixture(scope="session")
def sources() -> Sources:
    return Sources()


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache folder for the whole run, so that each generator is exported once."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CGTOOL_CACHE", str(path))
        yield path


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for one test."""
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
