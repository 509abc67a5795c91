"""Batches of unpaired images: which, how varied, and decoded ahead of the step.

Draw number k of a domain is a function of the seed and k alone: the order is a fresh shuffle for every pass over the
domain, crop and mirroring come from k. So a training goes on exactly where it was from the number of images seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from cgtool.errors import MediaError
from cgtool.training.chance import Use, numpy_generator
from cgtool.training.config import TrainConfig
from cgtool.training.data.images import Domain, load_rgb, scale_to
from cgtool.training.data.masks import load_mask

_TRIES, _OBJECT = 8, 0.15
"""So many crops are tried until an object fills this share of one."""


class DomainStream:
    """An endless, reproducible sequence of one domain's images."""

    def __init__(self, domain: Domain, config: TrainConfig, order: Use, augment: Use) -> None:
        if config.masks and domain.masks is None:
            raise ValueError("nobody has looked for masks")
        self._domain = domain
        self._masks = domain.masks if config.masks else None
        self._config = config
        self._order_use = order
        self._augment_use = augment
        self._pass = -1
        self._order = np.arange(0)

    def index(self, draw: int) -> int:
        """Which of the domain's images draw number ``draw`` is: every pass over the domain shows each image once."""
        number, place = divmod(draw, len(self._domain))
        if number != self._pass:
            rng = numpy_generator(self._config.seed, self._order_use, number)
            self._pass, self._order = number, rng.permutation(len(self._domain))
        return int(self._order[place])

    def load(self, index: int, draw: int) -> Tensor:
        """Decode and vary an image; safe in any thread.

        Returns:
            RGB, uint8, shape (3, crop_size, crop_size); with masks (4, crop_size, crop_size).

        Raises:
            MediaError: The file, or its mask, can no longer be read.
        """
        path = self._domain.paths[index]
        try:
            image = load_rgb(path, round(self._config.load_size * self._config.zoom))
            mask = None if self._masks is None else load_mask(self._masks.get(path), image.size)
        except MediaError as error:
            raise MediaError(
                f"can no longer be decoded: {error.message}", path=path, hint="Restore or remove it, and run again"
            ) from error
        rng = numpy_generator(self._config.seed, self._augment_use, draw)
        return vary(image, self._config, rng, mask)


def vary(image: Image.Image, config: TrainConfig, rng: np.random.Generator, mask: Image.Image | None = None) -> Tensor:
    """Scale, crop, mirror and perhaps recolour an image at random.

    The torchvision transforms draw from torch's global generator, which threads would share; so the numbers are drawn
    here and the transforms' functions applied.

    Args:
        image: RGB, any size.
        config: Sizes and augmentation.
        rng: The randomness.
        mask: In mode L, of the image's size, white where the object is: the crop holds some of it, and the mask's crop
            comes as a fourth channel.

    Returns:
        RGB, uint8, shape (3, crop_size, crop_size), or with the mask (4, crop_size, crop_size).
    """
    side, crop = config.load_size, config.crop_size
    if config.zoom > 1:
        side = round(side * config.zoom ** rng.uniform(-1, 1))
    image = scale_to(image, side)
    mask = mask and mask.resize(image.size, Image.Resampling.BILINEAR)
    for _ in range(1 if mask is None else _TRIES):
        top = int(rng.integers(image.height - crop + 1))
        left = int(rng.integers(image.width - crop + 1))
        if mask is not None and np.asarray(mask.crop((left, top, left + crop, top + crop))).mean() > 255 * _OBJECT:
            break
    image = transforms.crop(image, top, left, crop, crop)
    mask = mask and transforms.crop(mask, top, left, crop, crop)
    if config.flip and rng.random() < 0.5:
        image = transforms.horizontal_flip(image)
        mask = mask and transforms.horizontal_flip(mask)
    if config.augment == "color":
        image = transforms.adjust_brightness(image, rng.uniform(0.9, 1.1))
        image = transforms.adjust_contrast(image, rng.uniform(0.9, 1.1))
        image = transforms.adjust_saturation(image, rng.uniform(0.9, 1.1))
        image = transforms.adjust_hue(image, rng.uniform(-0.02, 0.02))
    varied: Tensor = transforms.pil_to_tensor(image)
    return varied if mask is None else torch.cat([varied, transforms.pil_to_tensor(mask)])


class Batches:
    """Pairs of batches, one of each domain, decoded by threads ahead of time. Use it as a context manager.

    Threads, not processes: Pillow's decoding and scaling release the interpreter's lock, and no signal, fork or shared
    memory can go wrong.

    Args:
        a: The domain A.
        b: The domain B.
        config: Sizes, augmentation, batch and seed.
        first: Images of each domain that were drawn before.
        rank: This process's number.
        world: How many processes share the batches: together they draw the images that one process with ``world``
            times the batch would, in the same order.
        workers: Decoding threads; 0 decodes when a batch is asked for.
    """

    def __init__(
        self, a: Domain, b: Domain, config: TrainConfig, *, first: int, rank: int, world: int, workers: int
    ) -> None:
        self._streams = (
            DomainStream(a, config, Use.ORDER_A, Use.AUGMENT_A),
            DomainStream(b, config, Use.ORDER_B, Use.AUGMENT_B),
        )
        self._batch = config.batch
        self._world = world
        self._next = first + rank * config.batch
        self._workers = workers
        self._executor = ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode")
        self._ahead: deque[tuple[list[Future[Tensor]], list[Future[Tensor]]]] = deque()

    def __enter__(self) -> Batches:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        """The next images of A and of B: RGB or RGB and mask, uint8, (batch, 3 or 4, crop_size, crop_size), on the CPU.

        Raises:
            MediaError: A file can no longer be read.
        """
        # Enough that every thread has work while the step computes; at least one whole batch.
        depth = 1 + -(-2 * self._workers // (2 * self._batch))
        while len(self._ahead) < depth:
            self._ahead.append(self._submit())
        a, b = self._ahead.popleft()
        return torch.stack([future.result() for future in a]), torch.stack([future.result() for future in b])

    def _submit(self) -> tuple[list[Future[Tensor]], list[Future[Tensor]]]:
        draws = range(self._next, self._next + self._batch)
        self._next += self._batch * self._world
        a, b = (
            [self._executor.submit(stream.load, stream.index(draw), draw) for draw in draws] for stream in self._streams
        )
        return a, b
