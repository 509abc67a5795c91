"""The engine without a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cgtool.backends.base import Backend
from cgtool.backends.identity.backend import IdentityBackend


def test_identity_gives_frames_back(video_frames: NDArray[np.uint8]) -> None:
    with IdentityBackend() as backend:
        assert isinstance(backend, Backend)
        result = backend.infer(video_frames)
        np.testing.assert_array_equal(result, video_frames)
        assert not np.shares_memory(result, video_frames)
    backend.close()
