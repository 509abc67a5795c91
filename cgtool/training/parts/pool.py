"""The history of fakes that the discriminators are shown (Shrivastava et al. 2017)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cgtool.errors import ModelError


class ImagePool:
    """Up to ``size`` past fakes. A discriminator that sees them too does not forget, and training oscillates less."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._images: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._images)

    def query(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Exchange fresh fakes for a mixture of fresh and past ones.

        While the pool is not full it keeps every image and returns it. Once full, it returns each image with
        probability 1/2; otherwise it returns a random past one and keeps the image in its place.

        Args:
            images: Shape (batch, channels, height, width), detached; perhaps none. They are kept, not copied.
            rng: A CPU generator; each image of a full pool takes one or two numbers of it.

        Returns:
            The same shape, dtype and device.
        """
        if self.size == 0 or not len(images):
            return images
        chosen = []
        for image in images:
            if len(self._images) < self.size:
                self._images.append(image)
            elif torch.rand((), generator=rng) < 0.5:
                place = int(torch.randint(self.size, (), generator=rng))
                image, self._images[place] = self._images[place], image
            chosen.append(image)
        return torch.stack(chosen)

    def state_dict(self) -> dict[str, Any]:
        """The images, in order, as one tensor; None if there are none."""
        return {"images": torch.stack(self._images) if self._images else None}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take over what `state_dict` gave; a pool that has become smaller keeps the first images.

        Raises:
            ModelError: It is no image pool's state.
        """
        images = state.get("images")
        if images is not None and not (isinstance(images, Tensor) and images.dim() == 4):
            raise ModelError("holds no image pool", hint="Remove the checkpoint; the one before it will be used")
        self._images = [] if images is None else list(images[: self.size].to(device))
