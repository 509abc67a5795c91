"""What all generators have in common, whatever they give: a picture, or a description of how to change one."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cgtool.models.layers import initialize


class Generator(nn.Module):
    """A network that looks at a picture of one domain and says how it would be in the other.

    Attributes:
        config: Its structure, a frozen dataclass.
        stride: Height and width must be multiples of this, in pixels.
    """

    config: Any
    stride: int

    def picture(self, image: Tensor, output: Tensor) -> Tensor:
        """The picture that an output means, differentiable: for most generators the output itself.

        Args:
            image: What the network saw, (batch, 3, height, width) in [-1, 1].
            output: What its forward pass gave for it.

        Returns:
            (batch, 3, height, width), about in [-1, 1].
        """
        return output

    def split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """What it gives to be shown, and what it says, in training mode, of where to act: None for most generators."""
        return output, None

    def initialize(self) -> None:
        """Draw fresh weights, from torch's global generator."""
        initialize(self)
