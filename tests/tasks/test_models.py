"""Importing checkpoints as model folders, and listing models."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from cgtool.config import DIRECTIONS, Direction
from cgtool.conversion.model import source_of
from cgtool.errors import ModelError, UsageError
from cgtool.models.checkpoints.reference import read_generator
from cgtool.models.folder import ModelFolder, read_model_folder
from cgtool.models.lookup import resolve
from cgtool.models.weights import load_generator
from cgtool.tasks.models import import_model, list_engines, list_models
from tests.helpers.compiled import manifest_of
from tests.models.checkpoints.published import instance, published_resnet

OPTIONS = """----------------- Options ---------------
               batch_size: 1
                load_size: 320                          \t[default: 286]
               preprocess: resize_and_crop
----------------- End -------------------
"""


@pytest.fixture
def checkpoints(tmp_path: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    paths = tmp_path / "latest_net_G_A.pth", tmp_path / "latest_net_G_B.pth"
    for path in paths:
        torch.save(published_resnet(1, 4, instance).state_dict(), path)
    return paths


def imported(
    checkpoints: tuple[Path, Path | None], *, name: str = "seasons", scale: int | None = None, overwrite: bool = False
) -> ModelFolder:
    return import_model(
        *checkpoints,
        domains=("summer", "winter"),
        name=name,
        engines_dir=checkpoints[0].parent / "engines",
        scale=scale,
        overwrite=overwrite,
    )


def picture(net: nn.Module, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    with torch.inference_mode():
        translated = net(torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 127.5 - 1)
    levels: NDArray[np.uint8] = ((translated + 1) * 127.5).round().clip(0, 255).byte().numpy()
    return levels


def psnr(result: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    error = np.square(result.astype(np.float64) - expected).mean()
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def test_imported_checkpoints_are_a_model_that_says_where_it_is_from(checkpoints: tuple[Path, Path]) -> None:
    model = imported(checkpoints)
    choice = resolve("Summer", "seasons", model.path.parent)
    assert (choice.folder, choice.direction) == (model, "B_to_A")
    source = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in checkpoints}
    assert model.provenance["imported_from"] == {
        direction: {"file": file, "sha256": source[file]} for direction, file in zip(DIRECTIONS, source, strict=True)
    }
    for direction, path in zip(DIRECTIONS, checkpoints, strict=True):
        weights = read_generator(path)[0].state_dict()
        for key, value in load_generator(model, direction).state_dict().items():
            assert torch.equal(value, weights[key].half().float())


def test_one_checkpoint_is_a_model_of_one_direction(checkpoints: tuple[Path, Path]) -> None:
    assert imported((checkpoints[0], None)).directions == ("A_to_B",)


@pytest.mark.parametrize(
    ("options", "scale", "expected"),
    [
        (OPTIONS, None, (320, "train_opt.txt")),
        (OPTIONS, 400, (400, "given")),
        ("loadSize: 300\nresize_or_crop: resize_and_crop\n", None, (300, "train_opt.txt")),
        (OPTIONS.replace("resize_and_crop", "scale_width_and_crop"), None, (320, "train_opt.txt")),
        (OPTIONS.replace("resize_and_crop", "crop"), None, (286, "assumed")),
        (OPTIONS.replace("320", "none"), None, (286, "assumed")),
        (None, None, (286, "assumed")),
    ],
    ids=["file", "given", "old", "scale", "crop", "damaged", "absent"],
)
def test_the_training_scale_and_where_it_was_read(
    options: str | None, scale: int | None, expected: tuple[int, str], checkpoints: tuple[Path, Path]
) -> None:
    if options is not None:
        (checkpoints[0].parent / "train_opt.txt").write_text(options)
    model = imported(checkpoints, scale=scale)
    assert model.training_scale == model.defaults.size == expected[0]
    assert str(model.provenance["training_scale_from"]).startswith(expected[1])


def test_what_can_not_be_imported_leaves_no_folder(checkpoints: tuple[Path, Path]) -> None:
    g_a, g_b = checkpoints
    with pytest.raises(UsageError, match="-5 px"):
        imported(checkpoints, scale=-5)
    with pytest.raises(UsageError, match="can't be a model's name"):
        imported(checkpoints, name="../engines")
    torch.save(published_resnet(2, 4, instance).state_dict(), g_b)
    with pytest.raises(ModelError, match=r"latest_net_G_B\.pth: .*not that of latest_net_G_A\.pth"):
        imported(checkpoints)
    g_a.write_bytes(g_a.read_bytes()[:500])
    with pytest.raises(ModelError, match=r"latest_net_G_A\.pth: truncated"):
        imported(checkpoints)
    assert not (g_a.parent / "engines").exists()


def test_an_existing_model_is_replaced_only_when_asked(checkpoints: tuple[Path, Path]) -> None:
    imported(checkpoints)
    with pytest.raises(UsageError, match="exists already"):
        imported(checkpoints, scale=512)
    assert imported(checkpoints, scale=512, overwrite=True).training_scale == 512


def test_models_are_listed_with_their_size_and_engines(checkpoints: tuple[Path, Path]) -> None:
    model = imported(checkpoints)
    (model.path / "tensorrt-h100.engine.json").touch()
    broken = imported(checkpoints, name="broken")
    (broken.path / "A_to_B.safetensors").write_bytes(b"not tensors")
    rows, problems = list_models(model.path.parent)
    row = next(row for row in rows if row.model.name == "seasons")
    assert row.model == model
    assert row.parameters == sum(p.numel() for p in published_resnet(1, 4, instance).parameters())
    assert row.size_bytes == sum(file.stat().st_size for file in model.path.glob("*.safetensors"))
    assert row.engines == ("tensorrt-h100",)
    assert [problem.path for problem in problems] == [str(broken.path / "A_to_B.safetensors")]


def test_the_shipped_model_loads_in_both_directions() -> None:
    shipped = Path(__file__).resolve().parents[2] / "engines"
    for target in ("monet", "photo"):
        choice = resolve(target, "photo2monet", shipped)
        net = load_generator(choice.folder, choice.direction)
        flat = np.full((64, 64, 3), 128, np.uint8)
        assert net.stride == choice.folder.network_of(choice.direction).stride
        assert picture(net, flat).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_half_precision_storage_keeps_real_pictures(
    direction: Direction, shared_data: Path, photos: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    source = shared_data / "weights" / "reference_s2w"
    paths = {"A_to_B": source / "latest_net_G_A.pth", "B_to_A": source / "latest_net_G_B.pth"}
    model = import_model(
        paths["A_to_B"], paths["B_to_A"], domains=("summer", "winter"), name="half", engines_dir=tmp_path
    )
    assert (model.training_scale, model.provenance["training_scale_from"]) == (286, "train_opt.txt")
    full, half = read_generator(paths[direction])[0], load_generator(model, direction)
    for photo in photos[:2]:
        assert psnr(picture(half, photo), picture(full, photo)) > 50


def test_engines_are_listed_wherever_they_lie_and_broken_ones_once(compiled: Path) -> None:
    model = read_model_folder(compiled)
    manifest_of(compiled, "onnx-fp32").write_text("{")
    both = replace(model, weights=dict.fromkeys(DIRECTIONS, model.weights["A_to_B"]))
    cached = source_of(both, "B_to_A").places[1]
    cached.mkdir(parents=True)
    for path in compiled.glob("A_to_B-onnx-fp16*"):
        text = path.read_bytes().replace(b'"A_to_B"', b'"B_to_A"', 1) if path.suffix == ".json" else path.read_bytes()
        (cached / path.name).write_bytes(text)
    rows = [(row.name, row.target, row.problem is None) for row in list_engines(both)]
    assert sorted(rows, key=str) == [
        ("A_to_B-onnx-fp16", "day", True),
        ("A_to_B-onnx-fp16", "night", True),
        ("A_to_B-onnx-fp32.engine.json", None, False),
        ("A_to_B-openvino-fp32", "night", True),
    ]
