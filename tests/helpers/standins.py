"""Files from the field, or stand-ins for them: small files made here, each odd in the way that its namesake is.

Where the folder of real clips, photographs and weights lies beside the checkout, tests use it. Everywhere else they use
these, under the same names: a test that passes on the one and not on the other has found something.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.pictures import camera_exif
from tests.helpers.probe import make
from tests.helpers.samples import cut_off, numbered

REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
"""The folder of real files; it is not part of the project."""

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_BT2020 = ("-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
_HLG, _PQ = (*_BT2020, "-color_trc", "arib-std-b67"), (*_BT2020, "-color_trc", "smpte2084")
_DROP = ("-vf", "select='not(between(mod(n,7),3,4))'", "-fps_mode", "vfr")
"""Frames are missing now and then: the rate varies."""


def make_all(folder: Path, bunny: Path) -> Path:
    """A folder laid out as the real one.

    Args:
        folder: Empty.
        bunny: A real clip, for photographs.
    """
    for name in ("clips", "odd/exif", "odd/images", "odd/broken", "odd/checkpoints", "weights/reference_s2w"):
        (folder / name).mkdir(parents=True)
    clips(folder / "clips")
    upright_photographs(folder / "odd" / "exif")
    odd_images(folder / "odd" / "images")
    broken_images(folder / "odd" / "broken")
    broken_clips(folder / "odd" / "broken")
    photographs(folder / "summer2winter" / "testA", bunny)
    with suppress(ModuleNotFoundError):  # an installation without PyTorch: no test of weights runs there
        weights(folder)
    return folder


# Clips


def clips(folder: Path) -> None:
    """Clips of every kind that footage comes in: rates, colours, rotation, pixel shapes, streams beside the picture."""
    plain = {
        "01_dashcam_960x540_aac.mp4": ("96x54", "30"),
        "02_snowfield_720p_ntsc_aac.mp4": ("128x72", "30000/1001"),
        "05_summergrass_720p_aac.mp4": ("128x72", "25"),
        "40_horses_pasture_960x540.mp4": ("96x54", "25"),
        "41_street_suburb_848x480_handheld.mp4": ("84x48", "24"),
        "42_summer_meadow_720p.mp4": ("128x72", "25"),
    }
    for name, (size, rate) in plain.items():
        footage(folder / name, size, rate, *_H264, sound=name.endswith("aac.mp4"))
    footage(folder / "09_phone_garden_848x480_vfr_aac.mp4", "84x48", "60", *_DROP, *_H264,
            "-video_track_timescale", "600")  # fmt: skip
    footage(folder / "20_vfr_dropped_frames_1280x544.mp4", "128x54", "24000/1001", *_DROP, *_H264, sound=False)
    footage(folder / "21_anamorphic_sar16-11_704x576.mp4", "70x58", "25", "-vf", "setsar=16/11", *_H264)
    footage(folder / "16_av1_hdr10_mountain_1080p60.mp4", "96x64", "60000/1001", "-c:v", "libsvtav1", "-preset", "12",
            *_PQ, seconds=0.5)  # fmt: skip
    footage(folder / "18_vp9_odd_161x121.webm", "161x121", "30000/1001", "-c:v", "libvpx-vp9", "-cpu-used", "8",
            "-pix_fmt", "yuv420p", sound=False)  # fmt: skip
    footage(folder / "30_vp9_alpha_200x200.webm", "80x80", "30", "-c:v", "libvpx-vp9", "-cpu-used", "8",
            "-pix_fmt", "yuva420p", "-c:a", "libvorbis")  # fmt: skip

    # A phone lays its picture on its side, and cuts by an edit list: there are frames in the file that nobody is shown.
    hevc = footage(folder / "whole.mp4", "96x64", "30", "-c:v", "libx265", "-preset", "ultrafast", "-g", "60",
                   "-x265-params", "log-level=error", "-tag:v", "hvc1", *_HLG, seconds=1.5)  # fmt: skip
    make(folder / "14_phone_rot-90_hlg10_editlist_hevc.mp4", "-display_rotation", "90", "-ss", "0.5", "-i", hevc,
         "-c", "copy")  # fmt: skip
    hevc.unlink()
    with_subtitles(folder)


def footage(path: Path, size: str, rate: str, *arguments: str, sound: bool = True, seconds: float = 0.8) -> Path:
    """A moving test picture, with a tone."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    inputs += ["-f", "lavfi", "-i", f"sine=440:duration={seconds}"] if sound else []
    return make(path, *inputs, *arguments)


def with_subtitles(folder: Path) -> None:
    """Clips with several videos, languages, subtitles and fonts."""
    text, styled, font, notes = (folder / name for name in ("text.srt", "styled.ass", "font.ttf", "notes.txt"))
    text.write_text("1\n00:00:00,100 --> 00:00:00,600\nDew\n")
    make(styled, "-i", text)
    font.write_bytes(b"a font, say")
    notes.write_bytes(b"notes")
    picture = footage(folder / "picture.mkv", "128x72", "24000/1001", *_H264, "-c:a", "aac")
    other = footage(folder / "other.mkv", "48x28", "30000/1001", *_H264, "-c:a", "aac")

    def languages(kind: str, *codes: str) -> list[str]:
        return [part for n, code in enumerate(codes) for part in (f"-metadata:s:{kind}:{n}", f"language={code}")]

    def attached(*files: tuple[Path, str]) -> list[str | Path]:
        parts = [("-attach", path, f"-metadata:s:t:{n}", f"mimetype={kind}") for n, (path, kind) in enumerate(files)]
        return [part for several in parts for part in several]

    font_kind, first = "application/x-truetype-font", ("-disposition:s:0", "default")
    styles = ("-i", styled, "-i", styled, "-i", styled)
    make(folder / "22_nasa_multi_audio_subs_320x180.mp4", "-i", picture, "-i", text, "-i", other,
         "-map", "0:v", "-map", "0:a", "-map", "1", "-map", "2:v", "-map", "2:a", "-map", "1",
         "-c", "copy", "-c:s", "mov_text", *languages("v", "eng", "eng"), *languages("a", "eng", "eng"),
         *languages("s", "eng", "eng"))  # fmt: skip
    make(folder / "23_mkv_3ass_subs_1080p.mkv", "-i", picture, *styles, "-map", "0", "-map", "1", "-map", "2",
         "-map", "3", "-c", "copy", *languages("v", "jpn"), *languages("a", "jpn"),
         *languages("s", "eng", "por", "spa"), *first, *attached(*6 * [(font, font_kind)]))  # fmt: skip
    make(folder / "24_mkv_ass_720p_500f.mkv", "-i", picture, "-i", styled, "-map", "0:v", "-map", "1", "-c", "copy",
         *first, *attached((font, font_kind), (notes, "text/plain")))  # fmt: skip
    for path in (text, styled, font, notes, picture, other):
        path.unlink()


def broken_clips(folder: Path) -> None:
    """Clips without frames, with damaged ones, with a single one, without a picture."""
    vp9 = numbered(folder / "whole.webm", 10, "-c:v", "libvpx-vp9", "-lossless", "1")
    spoil(vp9, folder / "27_invalid_bitstream.webm", range(10))
    h264 = numbered(folder / "whole.mp4", 51, "-g", "1")
    spoil(h264, folder / "28_corrupted_nal.mp4", (20, 33))
    numbered(folder / "bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4", 1, "-c:v", "mpeg4", size="176x144")
    numbered(folder / "minimal.mp4", 1, sound="sine=440")
    make(folder / "sine-3s-xhe-aac-44khz-mono.mp4", "-f", "lavfi", "-i", "sine=440:duration=0.3", "-c:a", "aac")
    fragmented = numbered(folder / "fragmented.mp4", 3, "-movflags", "empty_moov+frag_keyframe+default_base_moof")
    content = fragmented.read_bytes()
    (folder / "bipbop_cbcs_video_init.mp4").write_bytes(content[: content.index(b"moof") - 4])
    for path in (vp9, h264, fragmented):
        path.unlink()


def spoil(source: Path, target: Path, numbers: Sequence[int]) -> None:
    """A copy of a clip in which the packets of these numbers hold nothing that can be decoded."""
    content = source.read_bytes()
    with av.open(str(source)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    at = 0
    for number, packet in enumerate(packets):
        at = content.index(packet, at)
        if number in numbers:
            content = content[:at] + b"\xff" * len(packet) + content[at + len(packet) :]
        at += len(packet)
    target.write_bytes(content)


# Pictures


def scenery(width: int, height: int) -> NDArray[np.uint8]:
    """Smooth, so that JPEG keeps it, and different in every corner."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width, y / height
    waves = 20 * np.sin(9 * x + 4 * y)
    return (
        np.stack([230 * x + waves, 200 * y + 30, 220 - 90 * x - 90 * y + waves], axis=2).clip(0, 255).astype(np.uint8)
    )


def upright_photographs(folder: Path) -> None:
    """One photograph, stored in the eight ways that EXIF knows, and another on its side."""
    stored = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
              7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    for number in range(1, 9):
        image = Image.fromarray(scenery(1800, 1200))
        if number in stored:
            image = image.transpose(Image.Transpose[stored[number]])
        image.save(folder / f"Landscape_{number}.jpg", exif=camera_exif(number), quality=90)
    image = Image.fromarray(scenery(1200, 1800)).transpose(Image.Transpose.ROTATE_90)
    image.save(folder / "Portrait_6.jpg", exif=camera_exif(6), quality=90)


def odd_images(folder: Path) -> None:
    """Formats, modes and depths."""
    image = Image.fromarray(scenery(128, 128))
    image.save(folder / "hopper.bmp")
    image.save(folder / "hopper_16bit_qtables.jpg", qtables=[[10 + 8 * n for n in range(64)]] * 2)
    image.convert("L").save(folder / "hopper_gray.jpg", comment=b"grey")
    image.save(folder / "hopper_lzw.tif", compression="tiff_lzw", tiffinfo={274: 1})
    image.save(folder / "hopper_orientation_8.webp", exif=camera_exif(8), lossless=True)
    image.save(folder / "hopper_webp.png", dpi=(72, 72))
    with_alpha = image.resize((16, 16))
    with_alpha.putalpha(Image.fromarray(scenery(16, 16)[..., 0]))
    with_alpha.save(folder / "hopper_mask.png")
    with_alpha = image.resize((57, 57))
    with_alpha.putalpha(Image.fromarray(scenery(57, 57)[..., 1]))
    with_alpha.save(folder / "icc_profile_none.png")
    add_damaged_profile(folder / "icc_profile_none.png")
    cv2.imwrite(str(folder / "tiff_16bit_RGB_target.png"), scenery(100, 40).astype(np.uint16) * 257)


def add_damaged_profile(path: Path) -> None:
    """Give a PNG a colour profile that can't be unpacked."""
    content, chunk = path.read_bytes(), b"iCCPprofile\0\0not deflated"
    after_header = 8 + 25
    profile = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:after_header] + profile + content[after_header:])


def broken_images(folder: Path) -> None:
    """Pictures that are cut off, rubbish, or whole with damaged EXIF data."""
    random = np.random.default_rng(0)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + random.integers(0, 256, 72, np.uint8).tobytes())
    whole = io.BytesIO()
    Image.fromarray(scenery(100, 100)).save(whole, "JPEG", progressive=True, quality=95)
    (folder / "truncated_jpeg.jpg").write_bytes(whole.getvalue()[: int(0.6 * len(whole.getvalue()))])
    # A directory of three entries, of which one is there.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x03" + struct.pack(">HHI4s", 0x0110, 2, 4, b"Pin\0") + b"\0\0"
    Image.fromarray(scenery(80, 53)).save(folder / "exif_typeerror.jpg", exif=exif)
    Image.fromarray(scenery(50, 50)).convert("L").save(folder / "hopper_bad_exif.jpg", exif=exif)


def photographs(folder: Path, bunny: Path) -> None:
    """Four photographs, or what comes nearest: frames of a real clip, 256x256."""
    folder.mkdir(parents=True)
    make(folder / "%04d.jpg", "-i", bunny, "-vf", "select='not(mod(n,40))',crop=720:720,scale=256:256",
         "-fps_mode", "vfr", "-q:v", "2", "-pix_fmt", "yuvj420p")  # fmt: skip


# Weights


def weights(folder: Path) -> None:
    """Checkpoints of the reference PyTorch CycleGAN, never trained; and one that is cut off."""
    import torch
    from torch import nn

    from tests.models.checkpoints.published import Sequence as Prefixed
    from tests.models.checkpoints.published import instance, published_resnet

    place = folder / "weights" / "reference_s2w"
    for seed, name in enumerate("AB"):
        torch.manual_seed(seed)
        for net, role in (
            (published_resnet(6, 32, instance), "G"),
            (Prefixed(nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 1, 4, 1, 1)), "D"),
        ):
            for parameter in net.parameters():
                nn.init.normal_(parameter, 0, 0.02)
            torch.save(net.state_dict(), place / f"latest_net_{role}_{name}.pth")
    options = "----------------- Options ---------------\n                load_size: 286                           \n"
    (place / "train_opt.txt").write_text(options)
    cut_off(place / "latest_net_G_B.pth", folder / "odd" / "checkpoints" / "truncated_latest_net_G_B.pth")
