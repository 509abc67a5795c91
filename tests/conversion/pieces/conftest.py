"""The clip of the tests of segments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversion.pieces.working import footage


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return footage(tmp_path_factory.mktemp("segments") / "a.mp4")
