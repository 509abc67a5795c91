"""Who judges; that a training is not touched by it is in tests/tasks/training/test_train_judged.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cgtool.config import DIRECTIONS
from cgtool.models.generator import Generator
from cgtool.training.data.images import find_domain
from cgtool.training.judge import features
from cgtool.training.judge.judge import Judge
from tests.training.data.toy import RED, shapes, tiny_config

CPU = torch.device("cpu")


class Swap(Generator):
    """Red becomes blue and blue becomes red: the right answer for the toy domains."""

    stride = 4

    def forward(self, image: Tensor) -> Tensor:
        return image.flip(1)


class Same(Swap):
    def forward(self, image: Tensor) -> Tensor:
        return image


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red shapes, and blue ones of just the red's mirrored channels; grainy, so that gray has some colour."""
    root, random = tmp_path_factory.mktemp("judged"), np.random.default_rng(4)
    for number, folder in enumerate(("trainA", "trainB", "testA", "testB")):
        (root / folder).mkdir()
        for seed in range(8):
            grainy = shapes(100 * number + seed, RED) + random.normal(0, 12, (40, 40, 3))
            pixels = np.clip(grainy, 0, 255).astype(np.uint8)
            Image.fromarray(pixels[..., ::-1] if folder.endswith("B") else pixels).save(root / folder / f"{seed}.png")
    return root


def judge(data: Path) -> Judge:
    a, b = (find_domain(name, data / f"train{letter}", 1) for name, letter in (("red", "A"), ("blue", "B")))
    tests = [sorted((data / f"test{letter}").iterdir()) for letter in "AB"]
    return Judge((a, b), (tests[0], tests[1]), tiny_config(load_size=128, generator="resnet6"), CPU)


def test_the_right_answer_scores_more_than_none(data: Path) -> None:
    pytest.importorskip(features.PACKAGES[1], reason="cgtool[projected] is not installed")
    one = judge(data)
    right, none = (one.judge(step, dict.fromkeys(DIRECTIONS, net)) for step, net in ((1, Swap()), (2, Same())))
    assert right.score is not None
    assert none.score is not None
    assert right.score > none.score + 0.2
    for half in (right.reporting, right.choosing):
        for figures in half.values():
            assert (figures.probe or 0) > (figures.unchanged_probe or 0)
    # A dozen pictures are few for KID: all of them together.
    every = [figures for half in (right.reporting, right.choosing) for figures in half.values()]
    assert sum(one.kid or 0 for one in every) < sum(one.unchanged_kid or 0 for one in every)
    assert none.reporting["A_to_B"].structure > 0.9


def test_without_features_there_is_no_score(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cgtool.training.judge.judge.available", lambda: False)
    judged = judge(data).judge(3, dict.fromkeys(DIRECTIONS, Swap()))
    assert (judged.score, judged.step) == (None, 3)
    figures = judged.reporting["B_to_A"]
    assert (figures.probe, figures.kid) == (None, None)
    assert 0 < figures.structure <= 1


def test_each_half_has_pictures_of_its_own(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spoiling every second picture spoils the half that reports, and leaves the one that chooses."""
    monkeypatch.setattr("cgtool.training.judge.judge.available", lambda: False)
    one = judge(data)
    before = one.judge(1, dict.fromkeys(DIRECTIONS, Same()))
    a, _ = one._real
    for picture in a.tests[1::2]:
        picture[:] = np.random.default_rng(1).integers(0, 255, picture.shape, np.uint8)
    after = one.judge(2, dict.fromkeys(DIRECTIONS, Same()))
    assert after.choosing["A_to_B"] == before.choosing["A_to_B"]
    assert after.reporting["A_to_B"] != before.reporting["A_to_B"]
