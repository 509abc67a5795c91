"""A training with masks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cgtool.errors import UsageError
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator
from cgtool.tasks.train import train
from cgtool.training.files.metrics import read_metrics
from tests.tasks.test_train import request, run
from tests.training.data.toy import write_domains

pytestmark = pytest.mark.usefixtures("one_thread")


def test_masks_are_looked_at_at_every_start(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "data")
    half = np.zeros((20, 20), np.uint8)
    half[:, :10] = 255
    for letter in "AB":
        (data / f"mask{letter}").mkdir()
        for path in sorted((data / f"train{letter}").iterdir())[1:]:
            Image.fromarray(half).save(data / f"mask{letter}" / path.name)
    (data / "maskB" / "01001.png").write_bytes(b"no picture")
    wanted = request(tmp_path, data, config={"masks": True, "background_weight": 1.0, "steps": 12}, sample_every=0)
    for stop_after in (6, None):
        prepared, *_ = run(dataclasses.replace(wanted, stop_after=stop_after))
        one, broken, other = prepared.warnings
        assert "1 image without a mask" in one
        assert f"{data / 'maskB' / '01001.png'}: skipped" in broken
        assert other.endswith(": 01000.png")
        assert [line.partition(": ")[2] for line in prepared.data.lines[-2:]] == [
            "masks for 5 of 6 images of red",
            "masks for 4 of 6 images of blue",
        ]
    lines = read_metrics(wanted.run_folder / "metrics.jsonl")
    assert [line["step"] for line in lines][-1] == 12
    assert any(line["background_A"] > 0 for line in lines)
    without = request(tmp_path, data, name="without", config={"steps": 1}, sample_every=0)
    assert not run(without)[0].warnings


def test_domains_that_can_have_none_are_refused(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "data")
    (data / "trainA").rename(data / "red")
    wanted = request(tmp_path, data, config={"masks": True}, folders=(data / "red", data / "trainB"))
    with pytest.raises(UsageError, match="masks lie beside folders"):
        list(train(wanted))


def test_where_to_act_can_be_learned_before_how(tmp_path: Path) -> None:
    """From masks alone, without discriminators: the network knows where red shapes are, and changes nothing yet."""
    data = write_domains(tmp_path / "data")
    for letter, channel in (("A", 0), ("B", 2)):
        (data / f"mask{letter}").mkdir()
        for path in (data / f"train{letter}").iterdir():
            coloured = np.asarray(Image.open(path))[..., channel] > 180
            Image.fromarray(np.uint8(255) * coloured).save(data / f"mask{letter}" / path.name)
    options = {
        "generator": "maps", "map_stride": 2, "blocks": 1, "masks": True, "attention_weight": 1.0, "gan_weight": 0.0,
        "cycle_weight": 0.0, "lr": 0.01, "steps": 60,
    }  # fmt: skip
    wanted = request(tmp_path, data, config=options, sample_every=0)
    run(wanted)
    lines = [line for line in read_metrics(wanted.run_folder / "metrics.jsonl") if "attention_A" in line]
    assert set(lines[0]) & {"G_A_to_B", "cycle_A", "D_A"} == set()
    first, last = (sum(line["attention_A"] for line in part) for part in (lines[:10], lines[-10:]))
    assert last < first / 2
    net = load_generator(read_model_folder(wanted.model_folder), "A_to_B")
    image = torch.zeros(1, 3, 32, 32)
    assert torch.equal(net.picture(image, net(image)), image)
