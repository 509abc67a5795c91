from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from cgtool.media.images import WRITABLE_SUFFIXES, read_image, write_image
from tests.helpers.pictures import Pixels, camera_exif, difference, encode, gradient

UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored),
}
"""What EXIF tells a viewer to do with the stored rows and columns (Exif 2.32, 4.6.4)."""


@pytest.fixture(scope="module")
def picture() -> Pixels:
    return gradient()


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_to_pixels_and_alpha(picture: Pixels, name: str, orientation: int) -> None:
    stored = picture if name == "JPEG" else np.dstack([picture, picture[..., 1]])
    options = {"quality": 95} if name == "JPEG" else {"lossless": True, "exact": True} if name == "WEBP" else {}
    image = read_image(encode(stored, name, exif=camera_exif(orientation), dpi=(100, 200), **options))
    expected = UPRIGHT[orientation](picture)
    assert difference(image.pixels, expected) < (3 if name == "JPEG" else 0.01)
    assert image.alpha is None if name == "JPEG" else np.array_equal(image.alpha, expected[..., 1])  # type: ignore[arg-type]
    if name != "WEBP":
        assert image.dpi == pytest.approx((200, 100) if orientation >= 5 else (100, 200), abs=0.1)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_other_exif_travels_without_orientation(picture: Pixels, source: str, suffix: str, tmp_path: Path) -> None:
    image = read_image(encode(picture, source, exif=camera_exif(6)))
    target = tmp_path / f"out{suffix}"
    assert write_image(target, image) == ()
    with Image.open(target) as written:
        exif = written.getexif()
        assert ExifTags.Base.Orientation not in exif or exif[ExifTags.Base.Orientation] == 1
        assert exif[ExifTags.Base.Model] == "Pinhole 3"
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.DateTimeOriginal] == "2021:07:01 12:00:00"
        assert details[ExifTags.Base.ExifImageWidth] == 90 == written.width
        assert details[ExifTags.Base.ColorSpace] == 1
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (37, 44, 30)
    assert difference(read_image(target).pixels, image.pixels) < 3


@pytest.mark.parametrize("name", ["hopper_bad_exif.jpg", "exif_typeerror.jpg"])
def test_bad_exif_is_a_warning(shared_data: Path, name: str) -> None:
    image = read_image(shared_data / "odd" / "broken" / name)
    assert not image.damaged
    assert image.warnings == ("the EXIF data is damaged: only a part of it could be read",)
    for suffix in sorted(WRITABLE_SUFFIXES):
        write_image(io.BytesIO(), image, suffix=suffix)


def test_bigtiff_keeps_its_tags(tmp_path: Path) -> None:
    """Their layout has wider numbers, which Pillow would write into an EXIF block that no reader takes."""
    picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Scanner"
    exif[ExifTags.Base.Software] = "x"
    path = tmp_path / "big.tif"
    picture.save(path, exif=exif, big_tiff=True)
    read = read_image(path)
    assert not read.warnings
    for suffix in (".tif", ".jpg", ".png"):
        assert write_image(tmp_path / f"result{suffix}", read) == ()
        with Image.open(tmp_path / f"result{suffix}") as result:
            assert result.getexif()[ExifTags.Base.Make] == "Scanner"
