"""A moving average of the generators' weights, which makes steadier pictures than the newest weights."""

from __future__ import annotations

import copy
from typing import cast

import torch

from cgtool.models.architecture import Generator


class MovingAverage:
    """An exponential moving average of a network's weights (Yazici et al. 2019).

    Attributes:
        net: The averaged network, in eval mode.
        updates: How many it has seen.
    """

    def __init__(self, net: Generator, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, net: Generator) -> None:
        """Move towards a network of the same structure, fast at first: by 9/10, 9/11, 9/12... until 1 - decay."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        mine, its = list(self.net.parameters()), list(net.parameters())
        torch._foreach_lerp_(cast(list[torch.Tensor], mine), cast(list[torch.Tensor], its), 1 - decay)
