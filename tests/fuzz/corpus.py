"""Whole files of every kind that cgtool reads, small, to be broken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import safetensors.torch
import torch
from PIL import Image

from cgtool.models.weights import save_model_folder
from tests.backends.support import small_generator
from tests.helpers.probe import make

KINDS = ("video", "still", "model", "checkpoint")

_CLIPS: dict[str, list[str]] = {
    "h264.mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    "hevc10.mkv": [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "log-level=none",
        "-pix_fmt",
        "yuv420p10",
    ],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-c:a", "libopus"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "prores.mov": ["-c:v", "prores_ks", "-c:a", "pcm_s16le", "-timecode", "01:00:00:00"],
    "loop.gif": ["-an"],
    "ffv1.mkv": ["-c:v", "ffv1", "-c:a", "flac"],
    "fragments.mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-an", "-movflags", "frag_keyframe+empty_moov"],
}


def make_corpus(folder: Path) -> None:
    """Write the corpus: a folder for each of ``KINDS``, with a file for each input, or a folder for each model."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    _make_clips(folder / "video")
    _make_stills(folder / "still")
    for name in ("resnet", "maps"):
        save_model_folder(
            folder / "model" / name,
            {"A_to_B": small_generator(name, 0)},
            domains=("day", "night"),
            training_scale=64,
            provenance={"note": "random"},
            synonyms={"night": ("dark",)},
        )
    _make_checkpoints(folder / "checkpoint")


def _make_clips(folder: Path) -> None:
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=12:duration=1"]
    sound = ["-f", "lavfi", "-i", "sine=duration=1:sample_rate=48000"]
    words = folder / "words.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,900\nWords\n")
    for name, arguments in _CLIPS.items():
        make(folder / name, *picture, *sound, *arguments)
    make(folder / "words.mkv", "-i", folder / "h264.mp4", "-i", words, "-c", "copy", "-metadata", "title=A film")
    words.unlink()


def _make_stills(folder: Path) -> None:
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
    picture = coarse.resize((64, 48), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    picture.save(folder / "photo.jpg", exif=exif, dpi=(72, 72), quality=90)
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "plain.png")
    picture.quantize(16).save(folder / "palette.png", transparency=3)
    Image.fromarray(random.integers(0, 2**16, (24, 32), np.uint16)).save(folder / "deep.png")
    picture.convert("RGBA").save(folder / "alpha.webp", lossless=True, exif=exif)
    picture.save(folder / "plain.tif", exif=exif)
    picture.save(folder / "packed.tif", compression="tiff_lzw")
    picture.save(folder / "big.tif", big_tiff=True)
    picture.save(folder / "plain.bmp")
    picture.save(folder / "photo.avif", exif=exif)
    picture.save(folder / "photo.jp2")
    pillow_heif.from_pillow(picture).save(folder / "photo.heic")


def _make_checkpoints(folder: Path) -> None:
    resnet, unet = (small_generator(name, 1).state_dict() for name in ("resnet", "unet"))
    nested = {"epoch": 3, "netG_A": resnet, "netG_B": resnet, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}}
    torch.save(nested, folder / "nested.pth")
    torch.save({"state_dict": {f"G.{key}": value for key, value in unet.items()}}, folder / "prefixed.ckpt")
    torch.save(resnet, folder / "old.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(resnet, folder / "plain.safetensors")


def contents(path: Path) -> dict[str, bytes]:
    """A corpus entry's files by name: one, or those of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


def zipped(path: Path) -> bytes:
    """All of an entry in one piece, to be spliced into others."""
    stream = io.BytesIO()
    for data in contents(path).values():
        stream.write(data)
    return stream.getvalue()
