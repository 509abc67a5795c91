"""The formats of phones and browsers: AVIF, HEIC, JPEG 2000."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image

from cgtool.errors import MediaError
from cgtool.media.images import StillImage, read_image, write_image
from cgtool.pictures import Image as Pixels


@pytest.fixture
def picture() -> Pixels:
    small = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_phones_picture_is_read_upright(suffix: str, picture: Pixels, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Phone"
    path = tmp_path / f"IMG_0001{suffix}"
    Image.fromarray(picture).save(path, quality=95, exif=exif.tobytes())
    read = read_image(path)
    assert np.abs(read.pixels.astype(int) - np.rot90(picture, -1)).mean() < 3
    assert read.exif is not None
    assert b"Phone" in read.exif
    assert not read.warnings


def test_the_suffix_does_not_matter(picture: Pixels, tmp_path: Path) -> None:
    """Phones hand HEIC on as .jpg."""
    pillow_heif.register_heif_opener(thumbnails=False)
    path = tmp_path / "a.jpg"
    Image.fromarray(picture).save(path, format="HEIF")
    assert read_image(path).pixels.shape == picture.shape


@pytest.mark.parametrize(("suffix", "levels", "left_out"), [(".avif", 2.0, ()), (".jp2", 0.0, ("EXIF",))])
def test_avif_and_jpeg_2000_are_written(
    suffix: str, levels: float, left_out: tuple[str, ...], picture: Pixels, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Phone"
    alpha = np.full(picture.shape[:2], 130, np.uint8)
    path = tmp_path / f"a{suffix}"
    said = write_image(path, StillImage(picture, alpha=alpha, exif=exif.tobytes()))
    assert len(said) == len(left_out)
    assert all(word in line for word, line in zip(left_out, said, strict=True))
    read = read_image(path)
    assert np.abs(read.pixels.astype(int) - picture).mean() <= levels
    assert read.alpha is not None
    assert (read.alpha == 130).all()
    assert (read.exif is not None) == (not left_out)


def test_heic_is_not_written(picture: Pixels, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"can't write images as '.heic'"):
        write_image(tmp_path / "a.heic", StillImage(picture))


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_a_damaged_one_is_an_error_in_our_words(brand: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(100))
    with pytest.raises(MediaError, match=r"not a JPEG|damaged"):
        read_image(path)
