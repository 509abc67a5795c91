"""A pair of toy domains is learned: red shapes become blue ones of the same form, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from cgtool.training.data.batches import Batches
from cgtool.training.data.images import find_domain
from cgtool.training.parallel import World
from cgtool.training.parts.layout import normalize
from cgtool.training.state import TrainState
from tests.training.data.toy import BLUE, RED, shapes, tiny_config, write_domains

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 300
WORLD = World(0, 1, torch.device("cpu"))
HELD_OUT = range(5000, 5020)


def held_out(color: tuple[int, int, int]) -> Tensor:
    pixels = torch.stack([torch.from_numpy(shapes(seed, color, 32).copy()).permute(2, 0, 1) for seed in HELD_OUT])
    return normalize(pixels, WORLD.device)


@torch.no_grad()
def test_a_hue_is_learned_without_pairs(tmp_path: Path) -> None:
    config = tiny_config(
        ngf=8, ndf=8, load_size=32, crop_size=32, steps=STEPS, lr=1e-3, ema=0.98, pool_size=50, flip=False
    )
    root = write_domains(tmp_path, count=100, side=32)
    a, b = (find_domain(f"domain {letter}", root / f"train{letter}", 1) for letter in "AB")
    state = TrainState(config, WORLD)
    red, blue = held_out(RED), held_out(BLUE)  # the same forms in both colours
    g, f = (state.best_generators()[direction] for direction in ("A_to_B", "B_to_A"))

    def cycle_loss() -> float:
        return float((f(g(red)) - red).abs().mean() + (g(f(blue)) - blue).abs().mean())

    before = cycle_loss()
    with Batches(a, b, config, first=0, rank=0, world=1, workers=1) as batches, torch.enable_grad():
        for _ in range(STEPS):
            x, y = next(batches)
            state.advance([(normalize(x, WORLD.device), normalize(y, WORLD.device))], STEPS)
    assert cycle_loss() < before / 5
    for net, source, target in ((g, red, blue), (f, blue, red)):
        translated = net(source)
        apart = (source - target).abs().mean()
        assert (translated - target).abs().mean() < apart / 3
        assert (translated - source).abs().mean() > apart * 2 / 3
