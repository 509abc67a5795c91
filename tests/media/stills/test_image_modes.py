from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from cgtool.errors import MediaError
from cgtool.media.images import read_image
from cgtool.media.stills.image_modes import eight_bit
from tests.helpers.pictures import encode

WIDE: NDArray[np.uint16] = np.random.default_rng(0).integers(0, 65536, (20, 30, 4), dtype=np.uint16)


def wide_png(samples: NDArray[np.uint16], colour_type: int, transparent: tuple[int, ...] = ()) -> bytes:
    """A 16-bit PNG of any colour type, which Pillow doesn't write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples.astype(">u2"))
    key = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)) if transparent else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + key + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wide_tiff(samples: NDArray[np.uint16], order: str, photometric: int, orientation: int = 1) -> bytes:
    """An uncompressed 16-bit TIFF in one strip."""
    height, width, channels = samples.shape
    tags = {256: width, 257: height, 259: 1, 262: photometric, 274: orientation, 277: channels, 278: height}
    bits_at = 8 + 2 + 12 * 10 + 4
    bits = struct.pack(f"{order}{channels}H", *[16] * channels)
    tags |= {258: 16 if channels == 1 else bits_at, 273: bits_at + len(bits), 279: samples.nbytes}
    data = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, value in sorted(tags.items()):
        if tag in (273, 279):
            data += struct.pack(f"{order}HHII", tag, 4, 1, value)
        elif tag == 258 and channels > 1:
            data += struct.pack(f"{order}HHII", tag, 3, channels, value)
        else:
            data += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    return data + struct.pack(f"{order}I", 0) + bits + samples.astype(f"{order}u2").tobytes()


def test_eight_bit_rounds_over_the_full_range() -> None:
    samples = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(eight_bit(samples), np.rint(samples / 65535 * 255))
    assert eight_bit(np.arange(256, dtype=np.uint16) * 257).tolist() == list(range(256))
    assert eight_bit(np.zeros((2, 3, 4), np.uint16)).shape == (2, 3, 4)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_is_rounded(suffix: str, channels: int) -> None:
    image = read_image(cv2.imencode(suffix, WIDE[..., :channels])[1].tobytes())
    assert np.array_equal(image.pixels, eight_bit(WIDE[..., 2::-1]))
    assert channels == 3 or np.array_equal(image.alpha, eight_bit(WIDE[..., 3]))  # type: ignore[arg-type]
    assert image.warnings == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (6, -1), (8, 1)])
def test_16_bit_tiff_of_both_byte_orders_is_rounded_and_upright(order: str, orientation: int, turns: int) -> None:
    colour = read_image(wide_tiff(WIDE[..., :3], order, 2, orientation))
    assert np.array_equal(colour.pixels, np.rot90(eight_bit(WIDE[..., :3]), turns))
    grey = read_image(wide_tiff(WIDE[..., :1], order, 1, orientation))
    assert np.array_equal(grey.pixels[..., :1], np.rot90(eight_bit(WIDE[..., :1]), turns))


def test_16_bit_tiff_where_zero_is_white() -> None:
    image = read_image(wide_tiff(WIDE[..., :1], "<", 0))
    assert np.array_equal(image.pixels[..., :1], 255 - eight_bit(WIDE[..., :1]))


def test_16_bit_grey_and_its_alpha() -> None:
    grey = read_image(wide_png(WIDE[..., 0], 0))
    assert np.array_equal(grey.pixels, np.repeat(eight_bit(WIDE[..., :1]), 3, axis=2))
    assert grey.alpha is None
    with_alpha = read_image(wide_png(WIDE[..., :2], 4))
    assert np.array_equal(with_alpha.pixels, grey.pixels)
    assert np.array_equal(with_alpha.alpha, eight_bit(WIDE[..., 1]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3)])
def test_16_bit_transparent_colour(colour_type: int, channels: int) -> None:
    key = tuple(int(value) for value in WIDE[3, 5, :channels])
    image = read_image(wide_png(WIDE[..., :channels], colour_type, key))
    assert image.alpha is not None
    assert np.argwhere(image.alpha == 0).tolist() == [[3, 5]]


@pytest.mark.parametrize(
    ("samples", "expected", "range_told"),
    [
        (np.array([[0, 65535]], np.int32), [0, 255], "0 is black, 65535 is white"),
        (np.array([[-100, 0, 300]], np.int32), [0, 64, 255], "-100 is black, 300 is white"),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255], "0 is black, 1 is white"),
        (np.array([[0, 10, 255]], np.float32), [0, 10, 255], "0 is black, 255 is white"),
        (np.array([[np.nan, 0, 1, np.inf]], np.float32), [0, 0, 255, 255], "0 is black, 1 is white"),
        (np.array([[7e5, 7e5]], np.float32), [0, 0], "700000 is black, 700000 is white"),
    ],
)
def test_32_bit_grey_is_scaled_and_said(samples: NDArray[np.float32], expected: list[int], range_told: str) -> None:
    image = read_image(encode(Image.fromarray(samples), "TIFF"))
    assert image.pixels[0, :, 0].tolist() == expected
    assert len(image.warnings) == 1
    assert image.warnings[0].endswith(range_told)


@pytest.mark.parametrize(
    ("mode", "name", "pixel", "rgb", "alpha"),
    [
        ("1", "PNG", 1, (255, 255, 255), None),
        ("L", "JPEG", 90, (90, 90, 90), None),
        ("LA", "PNG", (90, 7), (90, 90, 90), 7),
        ("RGBA", "PNG", (200, 30, 60, 0), (200, 30, 60), 0),
        ("RGBA", "WEBP", (200, 30, 60, 9), (200, 30, 60), 9),
        ("LAB", "TIFF", (113, 192, 158), (199, 31, 60), None),
        ("CMYK", "TIFF", (0, 255, 255, 0), (255, 0, 0), None),
        ("CMYK", "JPEG", (255, 0, 255, 0), (0, 255, 0), None),
    ],
)
def test_every_mode_becomes_rgb(
    mode: str, name: str, pixel: int | tuple[int, ...], rgb: tuple[int, int, int], alpha: int | None
) -> None:
    options = {"lossless": True, "exact": True} if name == "WEBP" else {}
    image = read_image(encode(Image.new(mode, (16, 8), pixel), name, **options))
    assert image.pixels.shape == (8, 16, 3)
    assert np.abs(image.pixels.astype(int) - rgb).max() <= 1
    assert image.alpha is None if alpha is None else (image.alpha == alpha).all()  # type: ignore[union-attr]
    cmyk = ("CMYK without a colour profile: the colours are approximate",)
    assert image.warnings == (cmyk if mode == "CMYK" else ())


def test_palette_with_and_without_transparency() -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    opaque = read_image(encode(palette, "PNG"))
    assert opaque.pixels.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    assert opaque.alpha is None
    transparent = read_image(encode(palette, "PNG", transparency=b"\x00\x80\xff"))
    assert np.array_equal(transparent.pixels, opaque.pixels)
    assert transparent.alpha is not None
    assert transparent.alpha.tolist() == [[0, 128, 255]]


def test_transparent_colour_of_8_bit() -> None:
    picture = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    image = read_image(encode(picture, "PNG", transparency=(4, 5, 6)))
    assert image.pixels.tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert image.alpha is not None
    assert image.alpha.tolist() == [[255, 0]]


@pytest.mark.skipif(int(PIL.__version__.partition(".")[0]) < 13, reason="Pillow opens these from 13 on")
def test_premultiplied_grey_tiff() -> None:
    data = encode(Image.new("LA", (4, 4), (90, 128)), "TIFF")
    straight, premultiplied = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))  # TIFF 6.0: ExtraSamples
    assert straight in data
    image = read_image(data.replace(straight, premultiplied))
    assert np.abs(image.pixels.astype(int) - 90 * 255 / 128).max() <= 1
    assert (image.alpha == 128).all()  # type: ignore[union-attr]


# Colour profiles


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exchanged_profile() -> bytes:
    """sRGB with the primaries red and green exchanged."""
    return srgb_profile().replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


def linear_grey_profile() -> bytes:
    """ICC.1:2001-04 monochrome input profile, 6.3.1: linear light, D50."""
    white = struct.pack(">4sI3i", b"XYZ ", 0, 63190, 65536, 54061)
    curve = struct.pack(">4sII", b"curv", 0, 0)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 176, len(curve))
    size = 176 + len(curve)
    header = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp").ljust(68, b"\0")
    return (header + white[8:]).ljust(128, b"\0") + tags + white + curve


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_profile_is_applied(name: str) -> None:
    picture = Image.new("RGB", (16, 16), (200, 60, 90))
    options = {"lossless": True} if name == "WEBP" else {"quality": 95} if name == "JPEG" else {}
    image = read_image(encode(picture, name, icc_profile=exchanged_profile(), **options))
    assert np.abs(image.pixels.astype(int) - (60, 200, 90)).max() <= 2
    assert image.warnings == ()


def test_srgb_profile_changes_nothing() -> None:
    ramp = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 77)], axis=1).astype(np.uint8)[np.newaxis]
    image = read_image(encode(Image.fromarray(ramp), "PNG", icc_profile=srgb_profile()))
    assert np.abs(image.pixels.astype(int) - ramp).max() <= 1


def test_profile_leaves_alpha_alone() -> None:
    picture = Image.new("RGBA", (4, 4), (200, 60, 90, 33))
    image = read_image(encode(picture, "PNG", icc_profile=exchanged_profile()))
    assert np.abs(image.pixels.astype(int) - (60, 200, 90)).max() <= 1
    assert (image.alpha == 33).all()  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profile_is_applied(mode: str) -> None:
    picture = Image.new("L", (4, 4), 128).convert(mode)
    image = read_image(encode(picture, "PNG", icc_profile=linear_grey_profile()))
    assert np.abs(image.pixels.astype(int) - 188).max() <= 1  # IEC 61966-2-1: half the light
    assert image.warnings == ()


def test_rgb_profile_fits_grey_pixels() -> None:
    image = read_image(encode(Image.new("L", (4, 4), 128), "PNG", icc_profile=srgb_profile()))
    assert np.abs(image.pixels.astype(int) - 128).max() <= 1
    assert image.warnings == ()


@pytest.mark.parametrize(
    ("mode", "profile", "problem"),
    [
        ("RGB", b"no profile at all", "is damaged"),
        ("RGB", srgb_profile()[:200], "is damaged"),
        ("RGB", linear_grey_profile(), "is for GRAY pixels, not RGB"),
        ("CMYK", srgb_profile(), "is for RGB pixels, not CMYK"),
    ],
)
def test_unusable_profile_is_a_warning(mode: str, profile: bytes, problem: str) -> None:
    picture = Image.new("RGB", (8, 8), (255, 0, 0)).convert(mode)
    image = read_image(encode(picture, "TIFF", icc_profile=profile))
    assert image.pixels[0, 0].tolist() == [255, 0, 0]
    assert image.warnings[0] == f"the colour profile {problem}: left out, the colours are taken as sRGB"


def plain_tiff(samples: NDArray[np.generic], order: str, *, planar: bool = False, sample_format: int = 1) -> bytes:
    """An uncompressed TIFF of samples, (height, width, channels), interleaved or a plane for each channel."""
    height, width, channels = samples.shape
    kind = samples.dtype.newbyteorder("<" if order == "<" else ">")
    planes = [samples[..., channel] for channel in range(channels)] if planar else [samples]
    strips = [np.ascontiguousarray(plane).astype(kind).tobytes() for plane in planes]
    places = np.cumsum([8, *map(len, strips)]).tolist()
    shorts = {258: [samples.itemsize * 8] * channels, 259: [1], 262: [1 if channels == 1 else 2], 277: [channels]}
    shorts |= {284: [2 if planar else 1], 339: [sample_format] * channels}
    longs = {256: [width], 257: [height], 273: places[:-1], 278: [height], 279: list(map(len, strips))}
    entries = {tag: (3, "H", values) for tag, values in shorts.items()}
    entries |= {tag: (4, "I", values) for tag, values in longs.items()}
    behind = places[-1] + 2 + 12 * len(entries) + 4
    directory, more = struct.pack(f"{order}H", len(entries)), b""
    for tag, (number, letter, values) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(values)}{letter}", *values)
        directory += struct.pack(f"{order}HHI", tag, number, len(values))
        if len(data) > 4:
            directory += struct.pack(f"{order}I", behind + len(more))
            more += data
        else:
            directory += data.ljust(4, b"\0")
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", places[-1])
    return start + b"".join(strips) + directory + bytes(4) + more


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [False, True])
def test_a_tiff_may_have_a_plane_of_16_bits_for_each_colour(order: str, planar: bool) -> None:
    wide = WIDE[..., :3]
    image = read_image(plain_tiff(wide, order, planar=planar))
    assert np.array_equal(image.pixels, eight_bit(wide))


def test_32_bits_of_a_tiff_have_no_sign_unless_it_says_so() -> None:
    levels = np.linspace(0, 2**32 - 1, 20 * 30).reshape(20, 30, 1)
    image = read_image(plain_tiff(levels.astype(np.uint32), "<"))
    assert np.abs(image.pixels[..., :1] - np.linspace(0, 255, 20 * 30).reshape(20, 30, 1)).max() <= 1
    assert image.warnings == ("32-bit grey samples were scaled: 0 is black, 4.29497e+09 is white",)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_tiff_that_pillow_does_not_know_is_called_one(kind: str) -> None:
    colours = np.random.default_rng(0).random((4, 6, 3)).astype(kind)
    with pytest.raises(MediaError, match="a TIFF of a kind that isn't read, such as colours in floating point"):
        read_image(plain_tiff(colours, "<", sample_format=3))
