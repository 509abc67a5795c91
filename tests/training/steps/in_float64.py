"""``python -m tests.training.steps.in_float64 ...``: cgtool in double precision.

Two trainings that are the same on paper add numbers in another order. In FP32 that is a billionth of a weight's worth
at first, but Adam's first steps have every gradient's sign and the learning rate's size, also those of a gradient of
which nothing but rounding is left: after a few steps such trainings differ visibly, and by how much depends on the
machine. In FP64, rounding is far below Adam's epsilon (1e-8), and they agree to nine digits on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cgtool.cli.app import main


@contextmanager
def double_precision() -> Iterator[None]:
    """New networks and tensors are FP64 within the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


if __name__ == "__main__":
    with double_precision():
        main()
