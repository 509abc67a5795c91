"""Colour of a video stream: what its numbers mean, and the filters that turn them into RGB.

The network sees RGB. A stream's matrix and range are read from its tags and undone explicitly; the writer applies the
same matrix and range again and carries the tags over, so a player treats the result as it treated the source. Code
points are those of ITU-T H.273, which FFmpeg uses unchanged.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from cgtool.pictures import Image, Size

UNSPECIFIED = 2
_FULL_RANGE_TAG = 2
_BT709 = 1

# H.273 MatrixCoefficients -> FFmpeg's name of it, for the scale filter and the encoder's tag.
_MATRIX_NAMES = {
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
    10: "bt2020c",
}
# The scale filter spells two of them its own way.
_SCALE_MATRIX_NAMES = {**_MATRIX_NAMES, 5: "bt470", 9: "bt2020", 10: "bt2020"}
_PRIMARIES_NAMES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "jedec-p22",
}
_TRANSFER_NAMES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    11: "iec61966-2-4",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
# H.273 MatrixCoefficients -> the weights of red and blue in luma.
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}

_GraphKind = tuple[str, int, int, Fraction, tuple[tuple[str, str], ...]]
_MOST_LEFT = 2
_left: dict[_GraphKind, Graph] = {}
_lending = threading.Lock()


@dataclass(frozen=True)
class Colour:
    """The meaning of a stream's sample values.

    Attributes:
        matrix, primaries, transfer: H.273 code points as tagged; ``UNSPECIFIED`` where the stream doesn't say.
        full_range: True for 0..255, False for 16..235 (at 8 bits).
        height, width: Size in pixels, for guessing the matrix of an untagged stream.
        is_rgb: The samples are RGB already: there is no matrix to undo.
    """

    matrix: int
    primaries: int
    transfer: int
    full_range: bool
    width: int
    height: int
    is_rgb: bool = False

    @property
    def hdr(self) -> str | None:
        """``PQ`` or ``HLG`` for high dynamic range, else None."""
        return _HDR_TRANSFERS.get(self.transfer)

    @property
    def assumed_matrix(self) -> int:
        """The matrix to convert with: the tagged one, else what players assume from the size."""
        if self.matrix in _MATRIX_NAMES:
            return self.matrix
        return _BT709 if self.width >= 1280 or self.height > 576 else 6

    def for_output(self) -> Colour:
        """Colour of the translated stream: the source's own, or BT.709 limited where that can't be kept (HDR, RGB)."""
        if self.hdr or self.is_rgb:
            return Colour(_BT709, _BT709, _BT709, False, self.width, self.height)
        return self

    @property
    def luma_weights(self) -> tuple[float, float]:
        """Weights of red and blue in luma."""
        return _LUMA_WEIGHTS[self.assumed_matrix]

    @property
    def _as_source(self) -> str:
        """The scale filter's arguments for what comes in."""
        return f"in_color_matrix={_SCALE_MATRIX_NAMES[self.assumed_matrix]}:in_range={_range_name(self.full_range)}"

    def small_filters(self, size: Size) -> list[tuple[str, str]]:
        """FFmpeg filters (name, arguments) from this colour to full-range RGB of a smaller size, in one pass.

        HDR takes two, being tone-mapped at the smaller size.
        """
        flags = "flags=area+accurate_rnd"
        if self.hdr:
            smaller = ("scale", f"{size.width}:{size.height}:{flags}")
            return [smaller, ("format", "pix_fmts=yuv444p12le"), *self.decode_filters()]
        if self.is_rgb:
            return [("scale", f"{size.width}:{size.height}:{flags}"), ("format", "pix_fmts=rgb24")]
        scale = f"{size.width}:{size.height}:{self._as_source}:out_range=pc:{flags}"
        return [("scale", scale), ("format", "pix_fmts=rgb24")]

    def decode_filters(self) -> list[tuple[str, str]]:
        """FFmpeg filters (name, arguments) from this colour to full-range RGB, 8 bits.

        HDR is mapped to BT.709 by swscale's perceptual tone mapping (ICtCp, after BT.2390).
        """
        # Full chroma interpolation and accurate rounding: without them flat patches come back 4 levels off.
        flags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
        if self.is_rgb:
            return [("scale", flags), ("format", "pix_fmts=rgb24")]
        source, target = self._as_source, "out_range=pc"
        if self.hdr:
            primaries = _PRIMARIES_NAMES.get(self.primaries, "bt2020")
            source += f":in_primaries={primaries}:in_transfer={_TRANSFER_NAMES[self.transfer]}"
            target += ":out_primaries=bt709:out_transfer=bt709:intent=perceptual"
        return [("scale", f"{source}:{target}:{flags}"), ("format", "pix_fmts=rgb24")]

    def encode_filters(self, pixel_format: str) -> list[tuple[str, str]]:
        """FFmpeg filters (name, arguments) to ``pixel_format`` from RGB, or, at full range, from `full_range_yuv`."""
        if is_rgb_format(pixel_format):
            return [("format", f"pix_fmts={pixel_format}")]
        # Area averaging is the exact inverse of how the reader spreads 4:2:0 chroma on flat and gentle content.
        flags = "flags=area+accurate_rnd"
        if self.full_range:
            return [("scale", f"in_range=pc:out_range=pc:{flags}"), ("format", f"pix_fmts={pixel_format}")]
        matrix = _SCALE_MATRIX_NAMES[self.assumed_matrix]
        target = f"in_range=pc:out_color_matrix={matrix}:out_range=tv:{flags}"
        return [("scale", target), ("format", f"pix_fmts={pixel_format}")]

    def depth_filter(self) -> str:
        """The ``scale`` filter between YUV formats of this colour: dithered where bits are lost."""
        name = _range_name(self.full_range)
        return f"scale=in_range={name}:out_range={name}:flags=bicubic+accurate_rnd:sws_dither=bayer"

    def full_range_yuv(self, pixels: Image) -> Image:
        """RGB to full-range YUV 4:4:4, rounded; both uint8, shape (height, width, 3).

        swscale (as of FFmpeg 8) truncates chroma on this way, which takes half a level off at every conversion.
        """
        # H.273: Y' = kr R + (1 - kr - kb) G + kb B, and the two differences B - Y' and R - Y', scaled to the same range
        # and moved to 128, the middle of it.
        red, blue = self.luma_weights
        luma = np.array([red, 1 - red - blue, blue])
        matrix = np.empty((3, 4))
        matrix[0] = [*luma, 0]
        matrix[1] = [*(np.array([0, 0, 1]) - luma) / (2 * (1 - blue)), 128]
        matrix[2] = [*(np.array([1, 0, 0]) - luma) / (2 * (1 - red)), 128]
        return cv2.transform(pixels, matrix).astype(np.uint8, copy=False)

    def tag_filter(self, pixel_format: str) -> str:
        """The ``setparams`` filter that tags frames in ``pixel_format`` with this colour."""
        if is_rgb_format(pixel_format):
            tags = {"range": "pc", "colorspace": "gbr"}
        else:
            tags = {"range": _range_name(self.full_range), "colorspace": _MATRIX_NAMES.get(self.matrix, "unknown")}
        tags["color_primaries"] = _PRIMARIES_NAMES.get(self.primaries, "unknown")
        tags["color_trc"] = _TRANSFER_NAMES.get(self.transfer, "unknown")
        return "setparams=" + ":".join(f"{name}={value}" for name, value in tags.items())


def colour_of(frame: VideoFrame, context: VideoCodecContext) -> Colour:
    """A frame's colour, by its own tags, or where it has none by those of the stream's codec."""
    name = frame.format.name

    def tag(of_frame: int, of_context: int) -> int:
        return of_frame if of_frame not in (0, UNSPECIFIED) else of_context or UNSPECIFIED

    return Colour(
        matrix=tag(frame.colorspace, context.colorspace),
        primaries=tag(frame.color_primaries, context.color_primaries),
        transfer=tag(frame.color_trc, context.color_trc),
        full_range=name.startswith("yuvj") or frame.color_range == _FULL_RANGE_TAG,
        width=frame.width,
        height=frame.height,
        is_rgb=is_rgb_format(name),
    )


def is_rgb_format(pixel_format: str) -> bool:
    """True if FFmpeg's pixel format of this name holds RGB rather than luma and chroma."""
    return pixel_format.startswith(("rgb", "bgr", "gbr", "0rgb", "0bgr", "argb", "abgr", "pal8", "x2rgb", "x2bgr"))


def _range_name(full_range: bool) -> str:
    return "pc" if full_range else "tv"


def through(graph: Graph, frame: VideoFrame) -> VideoFrame:
    """The frame that a filter chain makes of one."""
    graph.push(frame)
    filtered = graph.pull()
    assert isinstance(filtered, VideoFrame)
    return filtered


def build_graph(frame: VideoFrame, time_base: Fraction, filters: list[tuple[str, str]]) -> Graph:
    """A filter chain for frames of the size and format of ``frame``."""
    graph = Graph()
    node = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    for name, arguments in filters:
        following = graph.add(name, arguments)
        node.link_to(following)
        node = following
    node.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


class ToneMapping:
    """Filter chains of one clip of high dynamic range, which the next clip of the same kind in this process takes over.

    For a chain's first frame swscale works out a table of the whole gamut, which takes 5 seconds of CPU. It makes
    another one by itself where a frame's metadata ask for it, so a chain that has served gives what a new one gives.
    """

    def __init__(self) -> None:
        self._lent: list[tuple[_GraphKind, Graph]] = []

    def graph(self, frame: VideoFrame, time_base: Fraction, filters: list[tuple[str, str]]) -> Graph:
        """As `build_graph`: one that was left behind, or a new one. Nobody else has it until `leave`."""
        kind = (frame.format.name, frame.width, frame.height, time_base, tuple(filters))
        with _lending:
            graph = _left.pop(kind, None)
        graph = graph or build_graph(frame, time_base, filters)
        self._lent.append((kind, graph))
        return graph

    def leave(self) -> None:
        """Leave the chains to the next clip."""
        for kind, graph in self._lent:
            if _is_empty(graph):
                with _lending:
                    _left[kind] = graph
                    while len(_left) > _MOST_LEFT:
                        del _left[next(iter(_left))]
        self._lent.clear()


def _is_empty(graph: Graph) -> bool:
    """Whether no frame is on its way: one may be where a clip was given up."""
    try:
        graph.pull()
    except BlockingIOError:
        return True
    except (OSError, ValueError):
        return False
    return False
