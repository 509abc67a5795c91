"""A picture to encode, and ways to."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Pixels = NDArray[np.uint8]


def gradient() -> Pixels:
    """Smooth, so that JPEG keeps it, different in every corner, and no power of two: 90 rows, 120 columns."""
    y, x = np.mgrid[0:90, 0:120]
    return np.stack([x * 2, y * 2, 255 - x - y], axis=2).astype(np.uint8)


def encode(picture: Pixels | Image.Image, name: str, **options: object) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def camera_exif(orientation: int, description: str = "") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Model] = "Pinhole 3"
    exif[ExifTags.Base.ImageDescription] = description
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2021:07:01 12:00:00",
        ExifTags.Base.ExifImageWidth: 120,
        ExifTags.Base.ColorSpace: 65535,
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (37.0, 44.0, 30.0)}
    return exif.tobytes()


def difference(one: Pixels, other: Pixels) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())
