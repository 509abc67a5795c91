"""Training from Python: exact resume, what a run leaves behind, and what is refused."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cgtool.config import DIRECTIONS
from cgtool.errors import CgtoolError, UsageError
from cgtool.files import claimed
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator
from cgtool.tasks.train import Finished, Looking, Prepared, TrainRequest, train
from cgtool.training import loop
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.metrics import read_metrics
from cgtool.training.loop import Progress
from cgtool.training.losses import Losses
from cgtool.training.presets import resolve
from cgtool.training.state import TrainState
from tests.training.data.toy import TINY, tiny_config, write_domains

pytestmark = pytest.mark.usefixtures("one_thread")


def request(
    root: Path, data: Path, *, name: str = "toy", config: dict[str, Any] | None = None, **changes: object
) -> TrainRequest:
    made = TrainRequest(
        name=name,
        domains=("red", "blue"),
        folders=(data / "trainA", data / "trainB"),
        test_folders=(data / "testA", data / "testB"),
        config=tiny_config(**(config or {})),
        runs_dir=root / "runs",
        engines_dir=root / "engines",
        workers=1,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]  # the tests'


def run(wanted: TrainRequest) -> tuple[Prepared, list[Progress], Finished]:
    looking, prepared, *progress, finished = train(wanted)
    assert isinstance(looking, Looking)
    assert isinstance(prepared, Prepared)
    assert isinstance(finished, Finished)
    return prepared, [event for event in progress if isinstance(event, Progress)], finished


def last_checkpoint(wanted: TrainRequest) -> dict[str, Any]:
    content, _ = Checkpoints(wanted.run_folder / "checkpoints", 3).load_last()
    assert content is not None
    return content


def losses_of(wanted: TrainRequest) -> list[dict[str, Any]]:
    times = ("seconds", "data_seconds", "cpu_seconds")
    lines = read_metrics(wanted.run_folder / "metrics.jsonl")
    return [{key: value for key, value in line.items() if key not in times} for line in lines]


def assert_equal(one: Any, other: Any, where: str = "") -> None:  # noqa: ANN401
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key, value in one.items():
            assert_equal(value, other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, value in enumerate(one):
            assert_equal(value, other[index], f"{where}[{index}]")
    else:
        assert one == other, where


EXACT = {
    "plain": {},
    "through detail": {
        "through_detail": True, "texture": 0.4, "contrast": 0.3, "texture_weight": 1.0, "temporal_weight": 5.0,
    },
    "projected": {
        "discriminator": "projected+patch+tone", "gan_loss": "hinge", "load_size": 48, "zoom": 1.5, "crop_size": 32,
        "through_detail": True,
    },
    "relativistic": {"gan_loss": "relativistic", "r1_weight": 0.5, "r1_every": 4},
    "everything": {
        "dropout": True, "batch": 2, "accumulate": 2, "augment": "color", "gan_loss": "hinge", "pool_size": 6,
        "ema": 0.99, "decay": 0.8,
    },
}  # fmt: skip


@pytest.mark.parametrize("options", EXACT.values(), ids=EXACT)
def test_twenty_steps_equal_ten_and_the_same_command_again(tmp_path: Path, data: Path, options: dict[str, Any]) -> None:
    whole = request(tmp_path / "whole", data, config=options)
    parts = request(tmp_path / "parts", data, config=options)
    _, progress, finished = run(whole)
    assert [event.metrics.step for event in progress] == list(range(1, 21))
    assert (finished.step, finished.model_folder) == (20, whole.model_folder)

    _, _, stopped = run(dataclasses.replace(parts, stop_after=10))
    assert (stopped.step, stopped.model_folder) == (10, None)
    assert not parts.model_folder.exists()
    torch.manual_seed(99)  # another process's generators are elsewhere
    prepared, _, finished = run(parts)
    assert (prepared.step, finished.step) == (10, 20)

    one, other = last_checkpoint(whole), last_checkpoint(parts)
    assert one.pop("id") != other.pop("id")
    assert_equal(one, other)
    assert losses_of(whole) == losses_of(parts)
    for file in ("A_to_B.safetensors", "B_to_A.safetensors"):
        assert (whole.model_folder / file).read_bytes() == (parts.model_folder / file).read_bytes()


def test_two_trainings_of_one_name_do_not_run_at_once(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 2})
    with claimed(wanted.run_folder), pytest.raises(CgtoolError, match="another training of this name is running"):
        run(wanted)
    run(wanted)


def test_another_seed_is_another_training(tmp_path: Path, data: Path) -> None:
    some, others = (
        request(tmp_path / str(seed), data, config={"steps": 2, "seed": seed}, sample_every=0) for seed in (0, 1)
    )
    run(some)
    run(others)
    assert losses_of(some) != losses_of(others)


def test_checkpoints_come_every_epoch_and_every_so_many_steps(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, checkpoint_every=4, keep=100, sample_every=0)
    run(wanted)
    # Six images in each domain.
    assert Checkpoints(wanted.run_folder / "checkpoints", 1).steps() == [4, 6, 8, 12, 16, 18, 20]


def test_a_run_folder_holds_what_one_may_want_to_see(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, name="toy_<run>"[:3], sample_every=8, export_every=16)
    run(wanted)
    folder = wanted.run_folder
    config = json.loads((folder / "run.json").read_text())
    assert config["config"]["generator"] == "resnet6"
    assert config["data"]["A"]["images"] == 6
    assert config["versions"]["torch"] == torch.__version__
    assert len(read_metrics(folder / "metrics.jsonl")) == 20
    assert list((folder / "tensorboard").glob("events.*"))
    samples = sorted((folder / "samples").iterdir())
    assert [path.stem for path in samples] == ["step_00000008", "step_00000016", "step_00000020"]
    with Image.open(samples[-1]) as grid:
        assert grid.size == (2 * 4 * (3 * 36 + 6) + 18, 20 + 2 * (3 * 36 + 6))
    page = (folder / "report.html").read_text()
    pictures = re.findall(r'src="data:image/(png|jpeg);base64,([^"]+)"', page)
    assert [base64.b64decode(data) for _, data in pictures] == [
        path.read_bytes() for path in (*samples, folder / "data.jpg")
    ]
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_models_on_the_way_are_kept(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, sample_every=0, export_every=8)
    run(wanted)
    kept = {path.name: read_model_folder(path) for path in (wanted.run_folder / "models").iterdir()}
    assert {name: model.provenance["steps"] for name, model in kept.items()} == {
        "toy.8": 8, "toy.16": 16, "toy.20": 20,
    }  # fmt: skip
    last = load_generator(read_model_folder(wanted.model_folder), "A_to_B").state_dict()
    for name, same in (("toy.20", True), ("toy.16", False)):
        weights = load_generator(kept[name], "A_to_B").state_dict()
        assert all(torch.equal(weights[key], last[key]) for key in last) is same


def test_the_model_folder_is_the_averaged_generators(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"ema": 0.5}, sample_every=0)
    run(wanted)
    model = read_model_folder(wanted.model_folder)
    assert (model.name, model.domains, model.training_scale, model.network.stride) == ("toy", ("red", "blue"), 36, 4)
    provenance = json.loads(json.dumps(model.provenance))
    assert (provenance["steps"], provenance["seed"], provenance["averaged"]) == (20, 0, True)
    assert provenance["data"]["A"]["images"] == 6
    assert str(tmp_path) not in json.dumps(provenance)
    checkpoint = last_checkpoint(wanted)
    for direction in model.directions:
        weights = load_generator(model, direction).state_dict()
        averaged = checkpoint["averages"][direction]["weights"]
        newest = checkpoint["networks"][direction]
        for key, value in weights.items():
            assert torch.equal(value, averaged[key].half().float())
        assert any(not torch.equal(averaged[key], newest[key]) for key in averaged)


def test_a_finished_run_is_only_exported_again(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 2})
    run(wanted)
    first = (wanted.model_folder / "model.json").read_text()
    _, progress, finished = run(dataclasses.replace(wanted, save_init=tmp_path / "init"))
    assert not progress
    assert not finished.warnings
    assert (wanted.model_folder / "model.json").read_text() == first
    assert (tmp_path / "init" / "init.json").is_file()


def test_another_model_of_that_name_is_moved_aside(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 1})
    run(wanted)
    kept = (wanted.model_folder / "model.json").read_text()
    again = dataclasses.replace(wanted, runs_dir=tmp_path / "other")
    _, _, finished = run(again)
    aside = wanted.engines_dir / "toy.previous-1"
    assert "moved to" in finished.warnings[0]
    assert (aside / "model.json").read_text() == kept
    assert read_model_folder(wanted.model_folder).provenance["run"] != read_model_folder(aside).provenance["run"]


def test_a_generator_that_learns_alone_needs_another_that_can_something(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 1, "learn": "A_to_B"})
    with pytest.raises(UsageError, match="would know nothing") as caught:
        run(wanted)
    assert "--init" in str(caught.value.hint)
    assert not wanted.run_folder.exists()


def test_a_generator_learns_alone_and_the_other_stays(tmp_path: Path, data: Path) -> None:
    begun = request(tmp_path, data, config={"steps": 1})
    run(begun)
    wanted = request(tmp_path, data, config={"steps": 2, "learn": "B_to_A"})
    wanted = dataclasses.replace(wanted, name="on", init=begun.model_folder, sample_every=0)
    run(dataclasses.replace(wanted, stop_after=1))
    run(wanted)
    assert all({"G_B_to_A", "cycle_B", "D_A"} <= losses.keys() for losses in losses_of(wanted))
    assert not any({"G_A_to_B", "cycle_A", "D_B"} & losses.keys() for losses in losses_of(wanted))
    before, after = (
        {direction: (folder / f"{direction}.safetensors").read_bytes() for direction in DIRECTIONS}
        for folder in (begun.model_folder, wanted.model_folder)
    )
    assert before["A_to_B"] == after["A_to_B"]
    assert before["B_to_A"] != after["B_to_A"]


def test_the_logged_rate_is_what_the_generators_use(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 4, "head_start": 2, "decay": 0.0}, sample_every=0)
    run(wanted)
    rates = [line["learning_rate"] for line in read_metrics(wanted.run_folder / "metrics.jsonl")]
    assert rates == pytest.approx([0, 0, 2e-4, 2e-4])


@pytest.mark.parametrize("preset", ["maps", "animal"])
def test_a_maps_network_trains_goes_on_and_is_a_model(tmp_path: Path, data: Path, preset: str) -> None:
    tiny: dict[str, Any] = {**TINY, "load_size": 64, "generator": "maps", "discriminator": "patch", "steps": 4}
    wanted = request(tmp_path, data)
    wanted = dataclasses.replace(wanted, config=resolve(preset, tiny))
    run(dataclasses.replace(wanted, name="whole"))
    run(dataclasses.replace(wanted, stop_after=2))
    run(wanted)
    assert losses_of(wanted) == losses_of(dataclasses.replace(wanted, name="whole"))
    further = {"maps": {"evenness_A", "rims_B", "colour_A"}, "animal": {"background_A", "attention_B"}}[preset]
    assert {"range_A", *further} <= set(losses_of(wanted)[-1])
    model = read_model_folder(wanted.model_folder)
    assert (model.network.architecture["type"], model.network.stride, model.defaults.texture) == ("maps", 8, 0.0)
    load_generator(model, "A_to_B")


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request(tmp_path, data, checkpoint_every=2)
    advance = TrainState.advance

    def poisoned(state: TrainState, *arguments: Any) -> Losses:  # noqa: ANN401
        if state.step == 5:
            next(state.networks.G.parameters()).data.fill_(float("nan"))
        return advance(state, *arguments)

    monkeypatch.setattr(TrainState, "advance", poisoned)
    with pytest.raises(CgtoolError, match="became nan at step 6") as caught:
        run(wanted)
    assert "step_00000004.pt" in str(caught.value)
    monkeypatch.undo()
    prepared, _, _ = run(wanted)
    assert prepared.step == 4


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = TrainState.advance

    def poisoned(state: TrainState, *arguments: Any) -> Losses:  # noqa: ANN401
        losses = advance(state, *arguments)
        if state.step == 4:
            next(state.networks.D_Y.parameters()).data[0] = float("inf")
        return losses

    monkeypatch.setattr(TrainState, "advance", poisoned)
    wanted = request(tmp_path, data, checkpoint_every=2)
    with pytest.raises(CgtoolError, match="not finite after step 4"):
        run(wanted)
    assert last_checkpoint(wanted)["step"] == 2


def test_a_discriminator_that_has_won_stops_the_training(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_COLLAPSED_STEPS", 3)
    advance = TrainState.advance

    def won(state: TrainState, *arguments: Any) -> Losses:  # noqa: ANN401
        losses = advance(state, *arguments)
        return {**losses, "D_A": torch.zeros(())} if state.step > 4 else losses

    monkeypatch.setattr(TrainState, "advance", won)
    with pytest.raises(CgtoolError, match="D_A has been 0 for 3 steps, up to step 7"):
        run(request(tmp_path, data))


def test_files_that_are_no_images_are_warned_of(tmp_path: Path) -> None:
    data = write_domains(tmp_path / "data")
    (data / "trainB" / "broken.png").write_text("no image")
    prepared, _, _ = run(request(tmp_path, data, config={"steps": 1}))
    assert len(prepared.warnings) == 1
    assert str(data / "trainB" / "broken.png") in prepared.warnings[0]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is no folder's": ({"name": "../s"}, "can't be a model's name"),
    "equal domains": ({"domains": ("red", "Red")}, "both domains"),
    "a missing folder": ({"folders": (Path("nowhere"), Path("nowhere"))}, "nowhere: .*no such folder"),
    "no such warm start": ({"init": Path("nowhere")}, "nowhere.*--save-init"),
    "no such device": ({"config": tiny_config(device="tpu")}, "--device tpu"),
    "a run folder that can't be written": ({"runs_dir": Path("/proc/cgtool")}, "run folder can't be written"),
}


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_bad_requests_get_one_line_with_what_to_do(
    tmp_path: Path, data: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CgtoolError, match=words) as caught:
        run(dataclasses.replace(request(tmp_path, data), **changes))
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "texture", "contrast"),
    [({}, 1.0, None), ({"through_detail": True, "texture": 0.4, "contrast": 0.3}, 0.4, 0.3)],
)
def test_conversion_shows_what_was_trained(
    tmp_path: Path, data: Path, options: dict[str, Any], texture: float, contrast: float | None
) -> None:
    wanted = request(tmp_path, data, config={"steps": 1, **options}, command="cgtool train toy")
    run(wanted)
    model = read_model_folder(wanted.model_folder)
    assert (model.defaults.size, model.defaults.texture, model.defaults.contrast) == (36, texture, contrast)
    assert model.provenance["command"] == "cgtool train toy"
    assert isinstance(model.provenance["hours"], float)
    assert " x " in str(model.provenance["hardware"])
