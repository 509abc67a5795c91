"""Which generator is chosen, and what it wants."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from cgtool.backends.base import MapGrid
from cgtool.config import LEAST_CONTRAST, MAX_AUTO_SIZE
from cgtool.conversion.model import choose_model
from cgtool.errors import UsageError
from cgtool.models.folder import read_model_folder
from cgtool.models.maps import MapsConfig
from tests.models.checkpoints.published import instance, published_resnet

WARMSTARTS = Path(__file__).parents[1] / "warmstarts"
ENGINES = Path(__file__).parents[2] / "engines"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small generator as the reference saves it."""
    path = tmp_path / "latest_net_G_A.pth"
    torch.save(published_resnet(1, 4, instance).state_dict(), path)
    return path


def test_a_models_wishes_become_its_look() -> None:
    defaults = read_model_folder(ENGINES / "photo2monet").defaults
    model = choose_model("MONET", "photo2monet")
    assert (model.name, model.target) == ("photo2monet", "monet")
    look = model.look
    assert (look.size, look.smooth, look.texture) == (defaults.size, defaults.smooth, defaults.texture)
    assert look.contrast == defaults.contrast
    assert (look.detail, look.strength, look.preserve_color) == ("guided", 1.0, False)


def test_a_direction_has_its_own_look() -> None:
    """Photographs become paintings at fewer lines, in larger strokes, than paintings become photographs."""
    looks = {to: choose_model(to, "photo2monet").look for to in ("monet", "photo")}
    assert (looks["monet"].size, looks["photo"].size) == (224, 256)


@pytest.mark.parametrize(("load_size", "size"), [(320, 320), (None, 286), (1024, MAX_AUTO_SIZE)])
def test_a_bare_checkpoint_runs_at_the_scale_that_import_would_find(
    checkpoint: Path, load_size: int | None, size: int
) -> None:
    if load_size is not None:
        (checkpoint.parent / "train_opt.txt").write_text(f"load_size: {load_size}\n")
    model = choose_model(None, str(checkpoint))
    assert (model.target, model.training_scale) == ("latest_net_G_A", load_size or 286)
    assert model.look.size == size
    assert model.look.contrast == LEAST_CONTRAST


def test_a_checkpoint_is_known_by_its_bytes(checkpoint: Path) -> None:
    copy = checkpoint.with_name("copy.pth")
    shutil.copy(checkpoint, copy)
    first, second = (choose_model("dusk", str(path)) for path in (checkpoint, copy))
    assert first.source.key == second.source.key
    assert (second.name, second.target) == ("copy.pth", "dusk")
    with pytest.raises(UsageError, match="can't be part of a file name"):
        choose_model("../dusk", str(checkpoint))


def test_weights_inside_a_model_folder_are_that_models(tmp_path: Path) -> None:
    """Their structure, their domain and their defaults stand in `model.json`."""
    by_name = choose_model("summer", "summer2winter")
    by_file = choose_model(None, str(ENGINES / "summer2winter" / "B_to_A.safetensors"))
    assert (by_file.target, by_file.source.key, by_file.look) == (by_name.target, by_name.source.key, by_name.look)
    alone = shutil.copy(WARMSTARTS / "photo2monet" / "A_to_B.safetensors", tmp_path)
    assert choose_model("dots", str(alone)).source.stride == 4


def test_a_map_model_that_does_not_say_its_grid_has_that_of_a_new_network(tmp_path: Path) -> None:
    folder = shutil.copytree(WARMSTARTS / "summer2winter", tmp_path / "maps")
    record = json.loads((folder / "model.json").read_text())
    stride, knots = record["architecture"].pop("map_stride"), record["architecture"].pop("knots")
    (folder / "model.json").write_text(json.dumps(record))
    model = choose_model("winter", str(folder))
    assert model.source.maps == MapGrid(stride, knots) == MapGrid(MapsConfig().map_stride, MapsConfig().knots)
