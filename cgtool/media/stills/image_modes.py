"""Any Pillow image, whatever its mode, depth and colour profile, as 8-bit sRGB and alpha."""

from __future__ import annotations

import io
import sys
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from cgtool import pictures

_EIGHT_BIT = np.round(np.arange(65536) / 257).astype(np.uint8)

# Pillow unpacks 16-bit colour into its 8-bit modes by keeping the high byte of each sample; told that the samples have
# the other byte order, it keeps the low one. N is the machine's own order, into which libtiff brings samples.
_WIDE_COLOUR = ("RGB;16", "RGBA;16")
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
# Grey with alpha is 2 x 16 bits: as wide as RGBA, so one Pillow image holds every byte.
_WIDE_GREY_ALPHA = "LA;16B"

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 258, 262, 339
_UNSIGNED = 1
_WHITE_IS_ZERO = 0

_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "LAB"}
"""The colour space that an ICC profile must name to fit a Pillow mode."""


def eight_bit(samples: NDArray[np.uint16]) -> pictures.Image:
    """Bring 16-bit samples to 8 bits: the full range 0..65535 to 0..255, rounded to nearest.

    Args:
        samples: uint16, any shape.

    Returns:
        uint8, the same shape.
    """
    return _EIGHT_BIT[samples]


def load_wide(image: ImageFile.ImageFile, stream: BinaryIO) -> Image.Image | None:
    """Decode 16-bit colour (PNG, TIFF) with rounding, where Pillow alone cuts off the low byte.

    Args:
        image: Opened from ``stream``, not loaded.
        stream: Seekable.

    Returns:
        The pixels in mode RGB, RGBA or LA, without metadata; None if this isn't 16-bit colour: then nothing was loaded.
    """
    raw_modes = {_raw_mode(tile.args) for tile in image.tile}
    raw_mode = raw_modes.pop() if len(raw_modes) == 1 else ""
    if _has_wide_planes(image):
        high, low = (_load_planes(stream, image, is_other_order=other) for other in (False, True))
        return Image.fromarray(eight_bit(np.left_shift(high, 8, dtype=np.uint16) | low))
    if raw_mode == _WIDE_GREY_ALPHA:
        _set_raw_mode(image, "RGBA")
        image.load()
        return Image.fromarray(eight_bit(np.asarray(image).view(">u2").astype(np.uint16)))
    if raw_mode[:-1] not in _WIDE_COLOUR:
        return None
    low_bytes = Image.open(stream, formats=(image.format or "",))
    _set_raw_mode(low_bytes, raw_mode[:-1] + _OTHER_ORDER[raw_mode[-1]])
    image.load()
    low_bytes.load()
    samples = np.asarray(image).astype(np.uint16) << 8 | np.asarray(low_bytes)
    wide = Image.fromarray(eight_bit(samples))
    key = image.info.get("transparency")
    if key is not None:
        wide.putalpha(Image.fromarray(_opaque_except(samples, key)))
    return wide


def _has_wide_planes(image: ImageFile.ImageFile) -> bool:
    """Whether it is a TIFF with a plane of 16 bits for each colour, which Pillow takes for planes of 8."""
    bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS, ())
    bands = image.getbands()
    return max(bits, default=0) == 16 and len(bands) > 1 and _raw_mode(image.tile[0].args) == bands[0]


def _load_planes(stream: BinaryIO, image: ImageFile.ImageFile, *, is_other_order: bool) -> pictures.Image:
    """The high byte of each sample; the low one, if Pillow is told the other byte order."""
    again = Image.open(stream, formats=(image.format or "",))
    is_little = again.tag_v2.prefix == b"II"  # type: ignore[attr-defined]  # it is a TIFF
    ending = ";16L" if is_little != is_other_order else ";16B"
    again.tile = [tile._replace(args=(_raw_mode(tile.args) + ending, 0, 1)) for tile in again.tile]
    return np.asarray(again)


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[pictures.Image, pictures.Image | None, list[str]]:
    """Bring a loaded image to 8-bit sRGB.

    A colour profile is applied with relative colorimetric intent and black point compensation; without one, pixels are
    taken as sRGB already. Colours under transparent alpha stay as they are.

    Returns:
        RGB, uint8, shape (height, width, 3); alpha, uint8, shape (height, width), or None; what is worth a warning.
    """
    notes: list[str] = []
    alpha: pictures.Image | None = None
    if image.mode.startswith("I;16"):
        samples = np.asarray(image).astype(np.uint16)
        if "transparency" in image.info:
            alpha = _opaque_except(samples[..., np.newaxis], image.info["transparency"])
        # Pillow inverts 8-bit TIFF where 0 is white, not 16-bit.
        if getattr(image, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
            samples = ~samples
        image = Image.fromarray(eight_bit(samples))
    elif image.mode in ("I", "F"):
        image, note = _scale_32_bit(image)
        notes.append(note)
    elif image.has_transparency_data:
        # La, grey premultiplied by alpha (TIFF), converts to nothing but LA.
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        image = rgba.convert("L" if image.mode in ("1", "L", "LA", "La") else "RGB")
    if image.mode not in _PROFILE_SPACES:
        image = image.convert("L" if image.mode == "1" else "RGB")
    image, notes_of_colour = _apply_profile(image, profile)
    return np.array(image), alpha, notes + notes_of_colour


def _apply_profile(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[str]]:
    """Convert L, RGB, CMYK or LAB to RGB in sRGB."""
    if profile is None:
        if image.mode == "LAB":
            return _transform(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))), []
        if image.mode == "CMYK":
            return image.convert("RGB"), ["CMYK without a colour profile: the colours are approximate"]
        return image.convert("RGB"), []
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip().upper()
        if image.mode == "L" and space == "RGB":
            image = image.convert("RGB")
        if space == _PROFILE_SPACES[image.mode]:
            return _transform(image, source), []
        problem = f"is for {space} pixels, not {_PROFILE_SPACES[image.mode]}"
    except (OSError, ImageCms.PyCMSError):
        problem = "is damaged"
    image, notes = _apply_profile(image, None)
    return image, [f"the colour profile {problem}: left out, the colours are taken as sRGB", *notes]


def _transform(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return transform.apply(image)


def _scale_32_bit(image: Image.Image) -> tuple[Image.Image, str]:
    """Bring integers or floats of unstated range to 8 bits.

    The range is 0 to the smallest usual maximum that holds every sample, else the samples' own.
    """
    whole = np.asarray(image)
    tags = getattr(image, "tag_v2", None)
    if image.mode == "I" and tags is not None and tags.get(_TIFF_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,):
        whole = whole.view(np.uint32)  # Pillow has no such mode, and gives them a sign
    samples = whole.astype(np.float64)
    known = np.isfinite(samples)
    low, high = (float(samples[known].min()), float(samples[known].max())) if known.any() else (0.0, 0.0)
    usual = [top for top in (1.0, 255.0, 65535.0) if high <= top and (top > 1 or image.mode == "F")]
    black, white = (0.0, usual[0]) if low >= 0 and usual else (low, high)
    scaled = (np.nan_to_num(samples, nan=black, posinf=white, neginf=black) - black) * (255 / ((white - black) or 1))
    note = f"32-bit grey samples were scaled: {black:g} is black, {white:g} is white"
    return Image.fromarray(np.round(scaled).astype(np.uint8)), note


def _opaque_except(samples: NDArray[np.uint16], key: object) -> pictures.Image:
    """Alpha of a transparent colour: samples of shape (height, width, channels) to (height, width)."""
    return np.where((samples == np.asarray(key)).all(axis=2), 0, 255).astype(np.uint8)


def _raw_mode(decoder_args: object) -> str:
    first = decoder_args[0] if isinstance(decoder_args, tuple) and decoder_args else decoder_args
    return first if isinstance(first, str) else ""


def _set_raw_mode(image: ImageFile.ImageFile, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode)
        for tile in image.tile
    ]
