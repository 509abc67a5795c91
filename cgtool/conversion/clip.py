"""One video's way: decoded, through the network and the rendering, encoded; whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

import cv2

from cgtool.backends.base import MapGrid
from cgtool.backends.machine import usable_cpus
from cgtool.change.colour_space import Samples
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping, samples_of
from cgtool.conversion.network import Network, Small
from cgtool.conversion.rendering import Rendering
from cgtool.frame import Frame, PlanarFrame
from cgtool.media.containers import CONTAINERS, carry
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
        samples = None if network.maps is None else samples_of(info.pixel_format, info.colour)
        decoded_format = info.pixel_format if look.is_neutral or samples is not None else None
        encoder = encoding.encoder(container, size, decoded_format)
        as_decoded = keeps_colours(decoded_format, encoder.pixel_format)
        if info.colour.hdr and depth_of(encoder.pixel_format) == 8:
            as_decoded = False  # 8 bits hold no high dynamic range
        frames: Chain[Frame] | Chain[PlanarFrame] | Chain[Frame | PlanarFrame]
        logger.debug("%s: %s, %s, %s frames", job.source_name, size, info.pixel_format, info.estimated_frames)
        logger.debug("encoder %s, %s%s", encoder.name, encoder.pixel_format, ", as decoded" if as_decoded else "")
        carried, losses = carry(reader.streams(), container, info.stream_index, audio=not encoding.no_audio)
        with VideoWriter(
            job.target,
            container,
            encoder,
            info,
            Source(job.source, carried, *reader.span_seconds),
            overwrite=overwrite,
            as_decoded=as_decoded,
            extra_arguments=encoding.extra_arguments,
        ) as writer:
            if look.is_neutral:
                frames = _untouched(reader, as_decoded)
            elif network.maps is not None:
                frames = _mapped(reader, network, network.maps, look, samples if as_decoded else None)
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
            warnings=(*losses, *reader.warnings, *network.warnings, *writer.warnings),
        )


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
    reader: VideoReader, network: Network, grid: MapGrid, look: FullLook, samples: Samples | None
) -> Chain[Frame | PlanarFrame]:
    """A map network's way: on the planes as they were decoded if ``samples`` says how to read them, else in RGB."""
    size = Size(reader.info.width, reader.info.height)
    network.expect(size)
    mapping = Mapping(look, grid.knots, size, samples)
    if samples is None:
        source = (network.shrink(frame) for frame in reader.frames())
    else:
        source = (Small(frame, small) for frame, small in reader.planes_and_small(network.size_of(size)))
    return (
        Chain(source)
        .through("infer", network.infer, network.batch)
        .through("smooth", each(mapping.steady))
        .through("detail", each(mapping.finish))
    )
