"""Fixtures of the media tests."""

from __future__ import annotations

import numpy as np
import pytest

from cgtool.media.reader import VideoReader


@pytest.fixture
def without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the conversion to RGB out where only counts and times matter: it takes most of the time."""
    monkeypatch.setattr(VideoReader, "_pixels", lambda self, frame: np.zeros((1, 1, 3), np.uint8))
