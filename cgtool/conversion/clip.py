"""One video's way: decoded, through the network and the rendering, encoded; whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import cv2

from cgtool.backends.base import MapGrid
from cgtool.backends.machine import usable_cpus
from cgtool.change.colour_space import Samples
from cgtool.change.hdr import HdrMaps
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping, samples_of
from cgtool.conversion.network import Network, Small
from cgtool.conversion.rendering import Rendering
from cgtool.conversion.sparse import Sparse
from cgtool.errors import EncoderError
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.containers import CONTAINERS, Container, carry
from cgtool.media.encoders import EncoderChoice
from cgtool.media.hdr import DIFFUSE_WHITE, carry_metadata, tone_curve
from cgtool.media.planes import depth_of, keeps_colours
from cgtool.media.reader import VideoReader
from cgtool.media.writer import Source, VideoWriter
from cgtool.pictures import Size
from cgtool.pipeline.chain import Chain, each

logger = logging.getLogger(__name__)

_STAGES = ("decode", "infer", "smooth", "detail", "encode")


def convert_clip(
    job: Job, network: Network, look: FullLook, encoding: Encoding, *, overwrite: bool
) -> Generator[Advanced, None, Outcome]:
    """Convert a video.

    Args:
        job: What is read and what is made.
        network: The network, which this clip has for itself.
        look: How it shall look. A neutral one leaves the network out, and every sample of the source as it is where
            the encoder takes the source's pixel format.
        encoding: How it is cut and encoded.
        overwrite: Replace an existing output.

    Raises:
        CgtoolError: It can't be read, translated or written; nothing is left of it.
    """
    assert job.source is not None
    assert job.target is not None
    container = CONTAINERS[job.target.suffix.lower()]
    start, end = encoding.span
    with VideoReader(job.source, start=start, end=end) as reader:
        info, size = reader.info, Size(reader.info.width, reader.info.height)
        way = _way(reader, network, look, encoding, container)
        frames: Chain[Frame] | Chain[PlanarFrame] | Chain[Frame | PlanarFrame]
        carried, losses = carry(reader.streams(), container, info.stream_index, audio=not encoding.no_audio)
        with VideoWriter(
            job.target,
            container,
            way.encoder,
            info,
            Source(job.source, carried, *reader.span_seconds),
            overwrite=overwrite,
            as_decoded=way.as_decoded,
            extra_arguments=encoding.extra_arguments,
        ) as writer:
            if look.is_neutral:
                frames = _untouched(reader, way.as_decoded)
            elif network.maps is not None:
                frames = _mapped(reader, network, network.maps, look, way)
            else:
                frames = _translated(reader, network, look)
            pipeline = frames.into(writer.write, interrupt=writer.abort)
            with _stages_beside_each_other(), closing(pipeline.run()) as running:
                for progress in running:
                    yield Advanced(progress.items, info.estimated_frames, dict(progress.busy_seconds))
            writer.finish()
        return Outcome(
            frames=progress.items,
            size=str(size if look.is_neutral else network.size_of(size)),
            busy_seconds={**dict.fromkeys(_STAGES, 0.0), **progress.busy_seconds},
            warnings=(*losses, *way.warnings, *reader.warnings, *network.warnings, *writer.warnings),
        )


@dataclass(frozen=True)
class _Way:
    """How frames go to the encoder.

    Attributes:
        encoder: The encoder.
        as_decoded: They go there in planes, as the source has them, and not in RGB.
        samples: How a map network's maps are carried out on those planes; None where they aren't.
        keeps_hdr: High dynamic range stays what it is.
        warnings: What the user should know.
    """

    encoder: EncoderChoice
    as_decoded: bool
    samples: Samples | None
    keeps_hdr: bool
    warnings: Sequence[str]


def _way(reader: VideoReader, network: Network, look: FullLook, encoding: Encoding, container: Container) -> _Way:
    info, warnings = reader.info, list[str]()
    keep_hdr = info.colour.hdr is not None and encoding.hdr == "keep"
    samples = None if network.maps is None else samples_of(info.pixel_format, info.colour, keep_hdr=keep_hdr)
    if keep_hdr and samples is None and not look.is_neutral:
        warnings.append("HDR is kept only of 10 or 12 bits and with a model that gives maps")
    if look.every != 1 and network.maps is None and not look.is_neutral:
        warnings.append("--every is for models that give maps: the network sees every frame")
    decoded_format = info.pixel_format if look.is_neutral or samples is not None else None
    encoder = encoding.encoder(container, Size(info.width, info.height), decoded_format)
    as_decoded = keeps_colours(decoded_format, encoder.pixel_format)
    if info.colour.hdr and as_decoded and depth_of(encoder.pixel_format) == 8:
        as_decoded = False  # 8 bits hold no high dynamic range
        if keep_hdr:
            hint = "Use --codec hevc or av1, or --hdr sdr"
            raise EncoderError(f"HDR does not fit {encoder.pixel_format}, as {encoder.name} writes it", hint=hint)
    if info.colour.hdr and as_decoded:
        encoder, losses = carry_metadata(reader.first, encoder)
        warnings += losses
    logger.debug("%s, %s, %s frames", reader.info.colour, info.pixel_format, info.estimated_frames)
    logger.debug("encoder %s, %s%s", encoder.name, encoder.pixel_format, ", as decoded" if as_decoded else "")
    return _Way(encoder, as_decoded, samples if as_decoded else None, bool(info.colour.hdr) and as_decoded, warnings)


@contextmanager
def _stages_beside_each_other() -> Iterator[None]:
    """OpenCV with few threads of its own: stages keep the cores busy, and sharing out small pieces costs a fifth."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(max(1, usable_cpus() // len(_STAGES)))
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _untouched(reader: VideoReader, as_decoded: bool) -> Chain[PlanarFrame] | Chain[Frame]:
    return Chain(reader.planar_frames()) if as_decoded else Chain(reader.frames())


def _translated(reader: VideoReader, network: Network, look: FullLook) -> Chain[Frame]:
    network.expect(Size(reader.info.width, reader.info.height))
    rendering = Rendering(look)
    return (
        Chain(network.shrink(frame) for frame in reader.frames())
        .through("infer", network.infer, network.batch)
        .through("smooth", each(rendering.steady))
        .through("detail", each(rendering.finish))
    )


def _mapped(
    reader: VideoReader, network: Network, grid: MapGrid, look: FullLook, way: _Way
) -> Chain[Frame | PlanarFrame]:
    """A map network's way: on the planes as they were decoded where they can be read, else in RGB."""
    size = Size(reader.info.width, reader.info.height)
    network.expect(size)
    to_hdr = None
    if way.keeps_hdr:
        to_hdr = HdrMaps(
            tone_curve(reader, network.size_of(size)), DIFFUSE_WHITE[reader.info.colour.hdr or "PQ"], grid.knots
        )
    mapping = Mapping(look, grid.knots, size, way.samples, to_hdr)
    if way.samples is None:
        source = (network.shrink(frame) for frame in reader.frames())
    else:
        source = (Small(frame, small) for frame, small in reader.planes_and_small(network.size_of(size)))
    if look.every == 1:
        steadied = Chain(source).through("infer", network.infer, network.batch).through("smooth", each(mapping.steady))
    else:
        sparse = Sparse(network, look.every)
        chain = Chain(sparse.follow(source)).through("infer", sparse.infer, network.batch)
        steadied = chain.through("smooth", each(lambda frame: mapping.steady(sparse.complete(frame))))
    return steadied.through("detail", each(mapping.finish))
