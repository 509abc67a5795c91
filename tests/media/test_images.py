from __future__ import annotations

import io
import os
import stat
import struct
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile

from cgtool.errors import MediaError
from cgtool.media.images import WRITABLE_SUFFIXES, StillImage, read_image, write_image
from tests.helpers.pictures import Pixels, camera_exif, difference, encode, gradient

LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".jp2")


@pytest.fixture(scope="module")
def picture() -> Pixels:
    return gradient()


def error_of(source: Path | bytes) -> str:
    with pytest.raises(MediaError) as caught:
        read_image(source)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(source) if isinstance(source, Path) else "standard input")
    return message


# Real files


def test_exif_photographs_come_out_upright_and_alike(shared_data: Path) -> None:
    upright = [read_image(path) for path in sorted((shared_data / "odd" / "exif").glob("Landscape_*.jpg"))]
    assert len(upright) == 8
    for image in upright:
        assert image.warnings == ()
        # Each file shows its own number in the middle, the rest is the same photograph: a wrong turn differs by 60.
        assert difference(image.pixels[:400], upright[0].pixels[:400]) < 5
        assert difference(image.pixels[-400:], upright[0].pixels[-400:]) < 5
    assert read_image(shared_data / "odd" / "exif" / "Portrait_6.jpg").pixels.shape == (1800, 1200, 3)


def test_ordinary_and_odd_files_look_as_another_decoder_shows_them(shared_data: Path) -> None:
    paths = [*(shared_data / "odd" / "exif").iterdir(), *(shared_data / "odd" / "images").iterdir()]
    assert len(paths) == 18
    for path in paths:
        image = read_image(path)
        turned = path.suffix == ".webp"  # OpenCV turns by EXIF too, but WebP in some releases only
        shown = cv2.imread(str(path), cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if turned else 0))
        assert shown is not None
        if turned:
            shown = np.rot90(shown)
        assert difference(image.pixels, shown[..., ::-1].astype(np.uint8)) < 1, path.name
        assert not image.damaged
        assert image.pixels.flags.c_contiguous
        assert image.pixels.flags.writeable
        assert (image.alpha is not None) == (path.name in ("hopper_mask.png", "icc_profile_none.png"))
        profile_warnings = [warning for warning in image.warnings if "colour profile is damaged" in warning]
        assert len(image.warnings) == len(profile_warnings) == (path.name == "icc_profile_none.png")


def test_truncated_photograph_counts_one_damaged_frame(shared_data: Path) -> None:
    image = read_image(shared_data / "odd" / "broken" / "truncated_jpeg.jpg")
    assert image.damaged
    assert image.warnings == ("1 damaged frame: only a part of the picture could be decoded",)
    assert image.pixels.shape == (100, 100, 3)


def test_undecodable_files_are_told_in_a_line(shared_data: Path, tmp_path: Path) -> None:
    assert "not a JPEG" in error_of(shared_data / "odd" / "broken" / "broken.png")
    video = tmp_path / "video.jpg"
    video.write_bytes((shared_data / "odd" / "broken" / "minimal.mp4").read_bytes())
    assert "not a JPEG" in error_of(video)


# What can be wrong with a file


def test_unreadable_paths(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.touch()
    text.write_text("a text, not a picture")
    assert "the file is empty" in error_of(empty)
    assert "not a JPEG" in error_of(text)
    assert "Is a directory" in error_of(tmp_path)
    assert "No such file" in error_of(tmp_path / "absent.png")
    assert "empty" in error_of(b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_by_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked.png"
    locked.touch(mode=0)
    assert "Permission denied" in error_of(locked)


def test_pipe_is_read(picture: Pixels, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encode(picture, "PNG"),))
    writer.start()
    assert np.array_equal(read_image(pipe).pixels, picture)
    writer.join()


def test_huge_image_is_refused_with_its_size() -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 30000, 20000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    assert "30000x20000 pixels" in error_of(data + struct.pack(">I4s", 0, b"IDAT") + bytes(4))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"exif": camera_exif(6)}),
    ],
)
def test_cut_off_file_gives_its_beginning(
    name: str, options: dict[str, object], capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    data = encode(picture, name, **options)
    whole = read_image(data).pixels
    image = read_image(data[: len(data) * 3 // 4])
    assert image.damaged
    assert image.warnings == ("1 damaged frame: only a part of the picture could be decoded",)
    assert image.pixels.shape == whole.shape
    # BMP begins at the bottom; orientation 6 turns the first rows to the right.
    half = {"BMP": np.s_[-40:], "TIFF": np.s_[:, -40:] if options else np.s_[:40]}.get(name, np.s_[:40])
    assert difference(image.pixels[half], whole[half]) < (40 if options.get("progressive") else 0.1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_damage_anywhere_is_never_a_traceback(picture: Pixels, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = encode(picture, name, exif=camera_exif(1))
    rng = np.random.default_rng(0)
    refused: list[str] = []
    for _ in range(60):
        bad = bytearray(data[: rng.integers(1, len(data) + 1)])
        for place in rng.integers(0, min(len(bad), 400), 3):
            bad[place] = rng.integers(256)
        try:
            image = read_image(bytes(bad))
            write_image(io.BytesIO(), image, suffix=".tif")
        except MediaError as error:
            refused.append(str(error))
    assert refused
    assert not any("\n" in message for message in refused)
    assert capfd.readouterr() == ("", "")


def test_damaged_libtiff_strips_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    data = bytearray(encode(picture, "TIFF", compression="tiff_lzw", strip_size=8192))
    data[len(data) // 2 : len(data) // 2 + 500] = bytes(500)
    image = read_image(bytes(data))
    assert image.damaged
    assert np.array_equal(image.pixels[:150], picture[:150])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "last", "size"), [("PNG", b"IDAT", 8), ("BMP", b"BM", 54)])
def test_file_cut_off_before_its_pixels_is_refused(picture: Pixels, name: str, last: bytes, size: int) -> None:
    data = encode(picture, name)
    assert "nothing of the picture could be decoded" in error_of(data[: data.index(last) + size])


def test_threads_decode_in_turn_and_leave_pillow_as_it_was(picture: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(picture, "JPEG")
    decoding: list[None] = []
    crowd: list[int] = []
    damaged: list[bool] = []
    open_image = Image.open

    def slow_open(*args: Any, **options: Any) -> ImageFile.ImageFile:  # noqa: ANN401
        decoding.append(None)
        time.sleep(0.01)
        crowd.append(len(decoding))
        decoding.pop()
        return open_image(*args, **options)

    monkeypatch.setattr(Image, "open", slow_open)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 12345)
    filters = list(warnings.filters)
    sources = [data, data[: len(data) // 2]] * 3
    threads = [
        threading.Thread(target=lambda source=source: damaged.append(read_image(source).damaged)) for source in sources
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(damaged) == [False] * 3 + [True] * 3
    assert set(crowd) == {1}
    assert Image.MAX_IMAGE_PIXELS == 12345
    assert warnings.filters == filters
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_further_frames_are_left_out_with_a_warning(picture: Pixels, name: str) -> None:
    rest = [Image.fromarray(picture[::-1]), Image.fromarray(picture[:, ::-1])]
    options = {"lossless": True} if name == "WEBP" else {}
    image = read_image(encode(picture, name, save_all=True, append_images=rest, **options))
    assert np.array_equal(image.pixels, picture)
    assert image.warnings == ("holds 3 pictures: only the first was read, 2 left out",)


# Writing


@pytest.mark.parametrize("suffix", sorted(WRITABLE_SUFFIXES))
def test_written_file_reads_back(picture: Pixels, suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"winter Ü{suffix.upper()}"
    target.write_bytes(b"what was there")
    assert write_image(target, StillImage(picture, dpi=(300.0, 300.0))) == ()
    image = read_image(target)
    assert difference(image.pixels, picture) <= (0 if suffix in LOSSLESS else 3)
    assert image.warnings == ()
    if suffix not in (".webp", ".avif", ".jp2"):
        assert image.dpi == pytest.approx((300, 300), abs=0.1)
    assert list(tmp_path.iterdir()) == [target]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("suffix", sorted(WRITABLE_SUFFIXES))
def test_alpha_is_kept_or_named(picture: Pixels, suffix: str) -> None:
    alpha = np.tile(np.arange(120, dtype=np.uint8) // 40 * 100, (90, 1))
    stream = io.BytesIO()
    left_out = write_image(stream, StillImage(picture, alpha), suffix=suffix)
    image = read_image(stream.getvalue())
    if suffix in (".jpg", ".jpeg", ".bmp"):
        assert left_out == (f"{suffix} holds no transparency: left out",)
        assert image.alpha is None
    else:
        assert left_out == ()
        assert np.array_equal(image.alpha, alpha)  # type: ignore[arg-type]
    # Colours under full transparency are not blackened or composited.
    assert difference(image.pixels, picture) <= (0 if suffix in LOSSLESS else 3)


def test_exif_that_does_not_fit_is_named(picture: Pixels) -> None:
    image = read_image(encode(picture, "PNG", exif=camera_exif(1, "long " * 20000)))
    assert write_image(io.BytesIO(), image, suffix=".png") == ()
    assert write_image(io.BytesIO(), image, suffix=".jpg") == (".jpg can't hold the EXIF data: left out",)
    assert write_image(io.BytesIO(), image, suffix=".bmp") == (".bmp can't hold the EXIF data: left out",)


def test_streams_are_png(picture: Pixels) -> None:
    stream = io.BytesIO()
    write_image(stream, StillImage(picture))
    assert stream.getvalue().startswith(b"\x89PNG")
    assert np.array_equal(read_image(stream.getvalue(), name="-").pixels, picture)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_what_was_there(
    picture: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"what was there")

    def fail(_descriptor: int) -> None:
        assert len(list(tmp_path.iterdir())) == 2
        raise interruption

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((KeyboardInterrupt, MediaError), match=r"^$|out.png: can't be written: No space left"):
        write_image(target, StillImage(picture))
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"what was there"


def test_unwritable_targets_are_refused(picture: Pixels, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match=r"file/out\.png: can't be written: "):
        write_image(tmp_path / "file" / "out.png", StillImage(picture))
    with pytest.raises(MediaError, match=r"out\.gif: can't write images as '\.gif'. Use \.avif, "):
        write_image(tmp_path / "out.gif", StillImage(picture))
    with pytest.raises(MediaError, match=r"16384x1 pixels don't fit into \.webp"):
        write_image(tmp_path / "out.webp", StillImage(np.zeros((1, 16384, 3), np.uint8)))
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
