"""Frozen features of pictures (see `cgtool.training.judge.features`), computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cgtool.pictures import Image
from cgtool.training.judge.features import SIDE, FeatureNetwork, encoded
from cgtool.training.judge.measures import Vectors


class Features:
    """Keeps features in ``cache``, under the pictures' content."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._network = FeatureNetwork()
        cache.mkdir(parents=True, exist_ok=True)

    def __call__(self, pictures: Sequence[Image]) -> Vectors:
        """Features of pictures of any size, RGB, uint8: shape (n, 1280)."""
        files = [encoded(picture) for picture in pictures]
        digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in files)).hexdigest()
        cached = self._cache / f"{digest}_{SIDE}.npy"
        if not cached.exists():
            np.save(cached, self._network.of_encoded(files).astype(np.float32))
        return np.asarray(np.load(cached), np.float64)
