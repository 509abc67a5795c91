"""Weights of model folders: stored, checked and loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from cgtool.config import Direction
from cgtool.errors import ModelError, UsageError
from cgtool.models.architecture import Generator, build_generator
from cgtool.models.folder import MODEL_FILE, ModelFolder, read_model_folder, to_json
from cgtool.models.weights import load_checkpoint_generator, load_generator, save_model_folder

TINY = {"type": "resnet", "blocks": 1, "ngf": 4, "affine": True}


@pytest.fixture
def generators() -> dict[Direction, Generator]:
    torch.manual_seed(0)
    return {"A_to_B": build_generator(TINY).eval(), "B_to_A": build_generator(TINY).eval()}


def save(
    path: Path, generators: dict[Direction, Generator], *, half: bool = True, overwrite: bool = False
) -> ModelFolder:
    return save_model_folder(
        path,
        generators,
        domains=("summer", "winter"),
        training_scale=1080,
        provenance={"note": "made for a test"},
        half=half,
        overwrite=overwrite,
    )


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "fp16"])
def test_what_is_saved_is_loaded(half: bool, generators: dict[Direction, Generator], tmp_path: Path) -> None:
    model = save(tmp_path / "engines" / "seasons", generators, half=half)
    assert read_model_folder(model.path) == model
    assert [path.name for path in model.path.parent.iterdir()] == ["seasons"]
    assert (model.name, model.network.stride, model.defaults.size) == ("seasons", 4, 720)
    for direction, original in generators.items():
        loaded = load_generator(model, direction)
        assert not loaded.training
        assert loaded.config == original.config
        for key, value in loaded.state_dict().items():
            stored = original.state_dict()[key]
            assert value.dtype == torch.float32
            assert torch.equal(value, stored.half().float() if half else stored)


def test_directions_of_different_structures_are_loaded(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    other = build_generator({"type": "shuffle", "width": 4, "blocks": 1})
    fast = save(tmp_path / "fast", {"B_to_A": other})
    model = save(tmp_path / "seasons", generators)
    both = dataclasses.replace(
        model, weights={**model.weights, "B_to_A": fast.weights["B_to_A"]}, network_to={"summer": fast.network}
    )
    (model.path / MODEL_FILE).write_text(to_json(both))
    shutil.copy(fast.path / "B_to_A.safetensors", model.path)
    read = read_model_folder(model.path)
    assert load_generator(read, "A_to_B").config == generators["A_to_B"].config
    assert load_generator(read, "B_to_A").config == other.config
    (model.path / MODEL_FILE).write_text(to_json(dataclasses.replace(both, network_to={})))
    with pytest.raises(ModelError, match="does not fit the architecture"):
        load_generator(read_model_folder(model.path), "B_to_A")


def test_the_same_weights_make_the_same_bytes(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    assert save(tmp_path / "a", generators).weights == save(tmp_path / "b", generators).weights


def test_one_direction_is_a_model(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    model = save(tmp_path / "seasons", {"B_to_A": generators["B_to_A"]})
    assert model.directions == ("B_to_A",)
    with pytest.raises(ModelError, match="no weights for A_to_B"):
        load_generator(model, "A_to_B")


def test_existing_folders_are_replaced_only_when_asked(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    path = tmp_path / "seasons"
    before = save(path, generators)
    (path / "openvino.engine.json").touch()
    with pytest.raises(UsageError, match="exists already"):
        save(path, generators)
    assert (path / "openvino.engine.json").exists()
    torch.nn.init.zeros_(next(generators["A_to_B"].parameters()))
    after = save(path, generators, overwrite=True)
    assert after.weights["A_to_B"] != before.weights["A_to_B"]
    assert sorted(file.name for file in path.iterdir()) == ["A_to_B.safetensors", "B_to_A.safetensors", "model.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["seasons"]


def test_what_is_no_model_folder_is_never_replaced(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    precious = tmp_path / "seasons" / "precious.txt"
    precious.parent.mkdir()
    precious.touch()
    with pytest.raises(UsageError, match="no model folder"):
        save(precious.parent, generators, overwrite=True)
    assert precious.exists()


def test_a_failed_write_leaves_the_old_folder(
    generators: dict[Direction, Generator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save(tmp_path / "seasons", generators)
    rename = Path.rename

    def fails_for_new(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_for_new)
    torch.nn.init.zeros_(next(generators["A_to_B"].parameters()))
    with pytest.raises(ModelError, match="No space left"):
        save(model.path, generators, overwrite=True)
    assert read_model_folder(model.path) == model
    load_generator(model, "A_to_B")
    assert [file.name for file in tmp_path.iterdir()] == ["seasons"]


def test_weights_that_half_precision_does_not_hold_are_refused(
    generators: dict[Direction, Generator], tmp_path: Path
) -> None:
    torch.nn.init.constant_(next(generators["A_to_B"].parameters()), 1e5)
    with pytest.raises(ModelError, match=r"not finite as torch\.float16"):
        save(tmp_path / "seasons", generators)
    assert not list(tmp_path.iterdir())
    save(tmp_path / "seasons", generators, half=False)


def test_two_structures_are_no_model(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    generators["B_to_A"] = build_generator({**TINY, "ngf": 5})
    with pytest.raises(ModelError, match="same structure"):
        save(tmp_path / "seasons", generators)


def test_changed_weights_are_refused(generators: dict[Direction, Generator], tmp_path: Path) -> None:
    model = save(tmp_path / "seasons", generators)
    path = model.path / "A_to_B.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    with pytest.raises(ModelError, match=r"A_to_B\.safetensors: changed or damaged.*Copy"):
        load_generator(model, "A_to_B")
    path.unlink()
    with pytest.raises(ModelError, match=r"A_to_B\.safetensors: can't be read: No such file"):
        load_generator(model, "A_to_B")
    load_generator(model, "B_to_A")


@pytest.mark.parametrize(
    ("data", "architecture", "stride", "reason"),
    [
        (b"not tensors", TINY, 4, "not a safetensors file"),
        (safetensors.torch.save({"x": torch.ones(1)}), TINY, 4, "does not fit the architecture"),
        (None, {**TINY, "ngf": 5}, 4, "does not fit the architecture"),
        (None, {**TINY, "depth": 5}, 4, r"model\.json: resnet has no option 'depth'"),
        (None, TINY, 8, "stride is 8"),
    ],
    ids=["bytes", "tensors", "ngf", "option", "stride"],
)
def test_weights_that_model_json_misdescribes_are_refused(
    data: bytes | None,
    architecture: dict[str, object],
    stride: int,
    reason: str,
    generators: dict[Direction, Generator],
    tmp_path: Path,
) -> None:
    model = save(tmp_path / "seasons", generators)
    text = json.loads((model.path / "model.json").read_text())
    text["architecture"] = architecture
    text["stride"] = stride
    if data is not None:
        (model.path / "A_to_B.safetensors").write_bytes(data)
        text["weights"]["A_to_B"]["sha256"] = hashlib.sha256(data).hexdigest()
    (model.path / "model.json").write_text(json.dumps(text))
    with pytest.raises(ModelError, match=reason):
        load_generator(read_model_folder(model.path), "A_to_B")


def test_bare_checkpoints_load(shared_data: Path) -> None:
    path = shared_data / "weights" / "reference_s2w" / "latest_net_G_B.pth"
    generator, architecture, sha256 = load_checkpoint_generator(path)
    assert (architecture["type"], architecture["blocks"], architecture["ngf"]) == ("resnet", 6, 32)
    assert build_generator(architecture).config == generator.config
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_loading_does_not_load_torchs_compiler() -> None:
    """Which drawing weights without memory would, and which costs a second."""
    model = Path(__file__).parents[2] / "engines" / "summer2winter"
    script = (
        "import sys; from pathlib import Path; from cgtool.models.folder import read_model_folder; "
        "from cgtool.models.weights import load_generator; "
        f"load_generator(read_model_folder(Path({str(model)!r})), 'A_to_B'); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
