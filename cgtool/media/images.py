"""Still images: read upright as 8-bit sRGB, written whole or not at all.

Pillow decodes and encodes. What it complains about becomes a warning in our words, what it can't read a MediaError.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, _imaging

from cgtool import pictures
from cgtool.errors import MediaError
from cgtool.media.outputs import write_file
from cgtool.media.stills.image_metadata import read_dpi, read_exif
from cgtool.media.stills.image_modes import load_wide, to_srgb
from cgtool.media.stills.png_colour import read_png_colour, to_srgb_curve

MAX_PIXELS = 2**28
"""Larger images are refused: 16384 x 16384, above every camera's, below what fills the memory of a desktop."""

_READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000")
_HEIF = "HEIF"


@dataclass(frozen=True)
class _Format:
    """An output format: its limits, and how Pillow is asked to write it.

    Attributes:
        name: Pillow's name of it.
        lossy: Whether it takes a quality.
        alpha: Whether it holds transparency.
        max_side: Its longest side, in pixels.
        max_exif_bytes: Its largest EXIF block; 0 if it holds none.
        options: Further arguments of Pillow's ``save``.
    """

    name: str
    lossy: bool = False
    alpha: bool = True
    max_side: int = 2**31 - 1
    max_exif_bytes: int = 2**31 - 1
    options: Mapping[str, Any] = field(default_factory=dict)


_JPEG = _Format("JPEG", lossy=True, alpha=False, max_side=65500, max_exif_bytes=65533, options={"subsampling": "4:4:4"})
_TIFF = _Format("TIFF")  # not compressed: Pillow's own writer, unlike libtiff, takes camera and GPS data
_FORMATS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".png": _Format("PNG"),
    ".webp": _Format("WEBP", lossy=True, max_side=16383, options={"exact": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _Format("BMP", alpha=False, max_exif_bytes=0),
    ".avif": _Format("AVIF", lossy=True, max_side=65536, options={"subsampling": "4:4:4"}),
    ".jp2": _Format("JPEG2000", max_exif_bytes=0),
}
WRITABLE_SUFFIXES = frozenset(_FORMATS)
"""File name suffixes of images that can be written, in lower case with the dot."""
IMAGE_SUFFIXES = WRITABLE_SUFFIXES | {".heic", ".heif", ".hif"}
"""File name suffixes of images. Reading goes by the content, writing by the suffix."""
UNREAD_SUFFIXES = {
    ".jxl": "JPEG XL",
    **dict.fromkeys((".psd", ".psb", ".xcf", ".kra"), "an image editor's document"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2"), "a camera's raw picture"),
    **dict.fromkeys((".exr", ".hdr", ".dpx"), "a picture of high dynamic range"),
    **dict.fromkeys((".svg", ".pdf", ".eps"), "a drawing"),
}
"""Suffixes of pictures that are not read, and the words for them."""

_HEIF_BRANDS = frozenset(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc"))
"""How files of the High Efficiency Image File Format begin, after four bytes. AVIF says ``avif``."""
_TIFF_STARTS = frozenset((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))
_END_OF_JPEG = b"\xff\xd9"
"""JPEG's marker for the end of an image, which files that are cut off lack."""
_pillow_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class StillImage:
    """A picture and what travels with it.

    Attributes:
        pixels: RGB, sRGB, uint8, shape (height, width, 3), upright, C-contiguous.
        alpha: Opacity, uint8, shape (height, width), upright; None if there is none.
        exif: A serialized EXIF block without orientation and thumbnail; None if there is none.
        dpi: Horizontal and vertical resolution in pixels per inch, if stated.
        warnings: For the user, clauses on the reading that don't name the file.
        damaged: Whether only a part could be decoded; ``warnings`` says so too.
    """

    pixels: pictures.Image
    alpha: pictures.Image | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()
    damaged: bool = False


def read_image(source: Path | bytes, *, name: str | None = None) -> StillImage:
    """Decode a JPEG, PNG, WebP, TIFF, BMP, AVIF, HEIC or JPEG 2000, told by its content.

    EXIF orientation and ICC profile are applied. Of several frames or pages the first is read. A file that ends early
    or is damaged half-way gives what could be decoded. Threads may call this; they decode one after the other.

    Args:
        source: A file, or an encoded image.
        name: Its name in messages; by default the path, or ``standard input``.

    Raises:
        MediaError: It can't be read, is no image, too large, or nothing of it could be decoded.
    """
    name = name or (os.fspath(source) if isinstance(source, Path) else "standard input")
    try:
        stream: BinaryIO = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        if not stream.seekable():
            with stream:
                stream = io.BytesIO(stream.read())
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}", path=name) from error
    with stream, _quiet_pillow() as complaints:
        try:
            return _decode(stream, name, complaints)
        except MediaError:
            raise
        except MemoryError as error:
            raise MediaError("too large for this machine's memory", path=name, hint="Scale it down first") from error
        except UnidentifiedImageError as error:
            raise MediaError(_what_it_is(stream), path=name) from error
        except Exception as error:  # a decoder raises whatever the damage leads it to
            reason = "can't be decoded: it is damaged, or of an unusual kind"
            raise MediaError(reason, path=name, hint="An image editor may be able to save it as PNG") from error


def _what_it_is(stream: BinaryIO) -> str:
    """Why an image that Pillow does not know can't be read."""
    stream.seek(0)
    start = stream.read(4)
    if not start:
        return "the file is empty"
    if start in _TIFF_STARTS:
        return "a TIFF of a kind that isn't read, such as colours in floating point: save it as PNG, or with 16 bits"
    return "not a JPEG, PNG, WebP, TIFF, BMP, AVIF, HEIC or JPEG 2000 image, or damaged from its start"


def write_image(
    target: Path | BinaryIO, image: StillImage, *, suffix: str | None = None, quality: int = 95
) -> tuple[str, ...]:
    """Encode an image and write it, replacing what was there.

    A file appears under its name only when it is whole: it is written to a temporary name beside it and renamed.

    Args:
        target: A file, or a binary stream such as ``sys.stdout.buffer``.
        image: Its ``alpha``, if any, is as large as its ``pixels``.
        suffix: One of ``WRITABLE_SUFFIXES``, in any case; by default that of the file, and ``.png`` for a stream.
        quality: JPEG's, WebP's and AVIF's, 1 to 100.

    Returns:
        Clauses, without the file's name, on what the format can't hold and was therefore left out.

    Raises:
        MediaError: The format is unknown or can't hold an image of this size, or the target can't be written.
    """
    name = os.fspath(target) if isinstance(target, Path) else "standard output"
    suffix = (suffix or (target.suffix if isinstance(target, Path) else ".png")).lower()
    if suffix not in _FORMATS:
        raise MediaError(f"can't write images as {suffix!r}", path=name, hint=f"Use {', '.join(sorted(_FORMATS))}")
    data, left_out = _encode(image, suffix, name, quality)
    if isinstance(target, Path):
        write_file(target, data)
        return left_out
    try:
        target.write(data)
        target.flush()
    except OSError as error:
        raise MediaError(f"can't be written: {error.strerror}", path=name) from error
    return left_out


def _silence_libtiff() -> None:
    """Keep libtiff from printing to the process's standard error, over a progress bar; Pillow reports failures too.

    Where Pillow has libtiff linked in statically, the function can't be reached and libtiff goes on printing.
    """
    with suppress(OSError, AttributeError):
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
        set_handler.argtypes, set_handler.restype = (ctypes.c_void_p,), ctypes.c_void_p
        set_handler(None)


_silence_libtiff()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else logging prints what no handler takes


@contextmanager
def _quiet_pillow() -> Iterator[list[warnings.WarningMessage]]:
    """Collect Pillow's warnings and lift its limit on pixels, which names no file; ours is checked in its place.

    Both are settings of the process: hence the lock.
    """
    with _pillow_lock, warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield complaints
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _decode(stream: BinaryIO, name: str, complaints: list[warnings.WarningMessage]) -> StillImage:
    notes: list[str] = []
    colour = read_png_colour(stream)
    image = _open(stream, name)
    # Pillow turns a TIFF upright by itself as it loads, and forgets that it did.
    swapped = getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"holds {frames} pictures: only the first was read, {frames - 1} left out")
    loaded: Image.Image | None
    try:
        loaded = load_wide(image, stream)
        if loaded is None:
            image.load()
        damaged = False
    except MemoryError:
        raise
    except Exception:  # as above; what can't be salvaged raises again
        image, loaded, damaged = _salvage(stream, name), None, True
        notes.append("1 damaged frame: only a part of the picture could be decoded")
    orientation, exif, exif_problem = read_exif(image, complaints)
    if exif_problem is not None:
        notes.append(exif_problem)
    # Pillow names a profile that it can't unpack None.
    profile = (image.info["icc_profile"] or b"") if "icc_profile" in image.info else None
    pixels, alpha, colour_notes = to_srgb(image if loaded is None else loaded, profile)
    if colour.gamma is not None:
        pixels = to_srgb_curve(pixels, colour.gamma)
    if colour.note is not None:
        notes.append(colour.note)
    return StillImage(
        pixels=np.ascontiguousarray(orientation.apply(pixels)),
        alpha=None if alpha is None else np.ascontiguousarray(orientation.apply(alpha)),
        exif=exif,
        dpi=read_dpi(image, swapped or orientation.transpose),
        warnings=(*notes, *colour_notes),
        damaged=damaged,
    )


def _open(stream: BinaryIO, name: str) -> ImageFile.ImageFile:
    formats = (_HEIF,) if _is_heif(stream) else _READABLE
    image = Image.open(stream, formats=formats)
    if image.width * image.height > MAX_PIXELS:
        raise MediaError(
            f"{image.width}x{image.height} pixels are more than the {MAX_PIXELS // 10**6} million that are read",
            path=name,
            hint="Scale it down or cut it into parts first",
        )
    return image


def _is_heif(stream: BinaryIO) -> bool:
    """Whether a HEIC file begins here; if so, Pillow is taught to read it."""
    begins = stream.read(12)[4:] in _HEIF_BRANDS
    stream.seek(0)
    if begins:
        import pillow_heif  # brings a decoder of 10 MB, for which other files need not wait

        pillow_heif.register_heif_opener(thumbnails=False)
    return begins


def _salvage(stream: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Decode as far as it goes, without Pillow's LOAD_TRUNCATED_IMAGES, which would change other threads' decoding.

    Raises:
        MediaError: Nothing could be decoded.
    """
    stream.seek(0)
    # Only at the end of the file does libjpeg give the rows of a progressive image.
    image = _open(io.BytesIO(stream.read() + _END_OF_JPEG), name)
    try:
        image.load()
    except Exception:  # as above; the decoder has filled a part of the image
        missing, image.tile = image.tile, []
        if missing and image.format == "TIFF":
            image.load_end()  # turns it upright, which load did not come to
        image.load()
    pixels = np.asarray(image).reshape(image.width * image.height, -1)
    if (pixels == pixels[0]).all():
        raise MediaError("damaged: nothing of the picture could be decoded", path=name)
    return image


def _encode(image: StillImage, suffix: str, name: str, quality: int) -> tuple[bytes, tuple[str, ...]]:
    file_format = _FORMATS[suffix]
    height, width = image.pixels.shape[:2]
    if max(width, height) > file_format.max_side:
        reason = f"{width}x{height} pixels don't fit into {suffix}, whose sides hold {file_format.max_side}"
        raise MediaError(reason, path=name, hint="Write .png instead")
    picture = Image.fromarray(image.pixels)
    options = {**file_format.options, **({"quality": quality} if file_format.lossy else {})}
    left_out: list[str] = []
    if image.alpha is not None and file_format.alpha:
        picture.putalpha(Image.fromarray(image.alpha))
    elif image.alpha is not None:
        left_out.append(f"{suffix} holds no transparency: left out")
    if image.exif is not None and len(image.exif) <= file_format.max_exif_bytes:
        options["exif"] = image.exif
    elif image.exif is not None:
        left_out.append(f"{suffix} can't hold the EXIF data: left out")
    if image.dpi is not None:
        options["dpi"] = image.dpi
    buffer = io.BytesIO()
    try:
        picture.save(buffer, file_format.name, **options)
    except (OSError, ValueError, MemoryError) as error:
        raise MediaError(
            f"a picture of {width}x{height} pixels can't be encoded as {suffix}: {error}", path=name
        ) from error
    return buffer.getvalue(), tuple(left_out)
