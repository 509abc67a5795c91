"""Training from Python: exact resume, what a run leaves behind, and what is refused."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cgtool.errors import CgtoolError, ModelError, UsageError
from cgtool.files import claimed
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator
from cgtool.tasks.train import Finished, Looking, Prepared, TrainRequest, train
from cgtool.training import loop
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.metrics import read_judgements, read_metrics
from cgtool.training.judge import features
from cgtool.training.judge.judge import LEAST_TESTS, Judge
from cgtool.training.judge.judgement import Judgement
from cgtool.training.loop import Progress
from cgtool.training.losses import Losses
from cgtool.training.presets import resolve
from cgtool.training.state import TrainState
from tests.training.judge.test_judgement import judgement
from tests.training.toy import BLUE, RED, TINY, shapes, tiny_config, write_domains


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("toy"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("tests")
    for letter, color in (("A", RED), ("B", BLUE)):
        (root / letter).mkdir()
        for seed in range(LEAST_TESTS):
            Image.fromarray(shapes(5000 + seed, color)).save(root / letter / f"{seed}.png")
    return root / "A", root / "B"


def test_judging_leaves_a_training_as_it_is(tmp_path: Path, data: Path, tests: tuple[Path, Path]) -> None:
    pytest.importorskip(features.PACKAGES[1], reason="cgtool[projected] is not installed")
    judged, alone = (
        request(
            tmp_path / str(every), data, test_folders=tests, judge_every=every, config={"dropout": True}, sample_every=0
        )
        for every in (10, 0)
    )
    events = list(train(judged))
    run(alone)
    told = [event for event in events if isinstance(event, Judgement)]
    assert [judgement.step for judgement in told] == [10, 20]
    assert read_judgements(judged.run_folder / "metrics.jsonl") == [
        dataclasses.replace(judgement, seconds=round(judgement.seconds, 2)) for judgement in told
    ]
    assert losses_of(judged) == losses_of(alone)
    one, other = last_checkpoint(judged), last_checkpoint(alone)
    assert one.pop("id") != other.pop("id")
    assert_equal(one, other)
    assert not read_judgements(alone.run_folder / "metrics.jsonl")


def scripted(step: int) -> Judgement:
    """Step 12 is the best."""
    return judgement(step, probe=1 - abs(step - 12) / 100)


@pytest.mark.parametrize(("keep_best", "steps"), [(True, 12), (False, 20)])
def test_the_best_that_was_judged_is_the_model(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, keep_best: bool, steps: int
) -> None:
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: scripted(step))
    wanted = request(
        tmp_path, data, test_folders=tests, judge_every=4, keep_best=keep_best, export_every=12, sample_every=0
    )
    run(dataclasses.replace(wanted, stop_after=14))
    run(wanted)
    run(wanted)  # judges no step again
    assert [one.step for one in read_judgements(wanted.run_folder / "metrics.jsonl")] == [4, 8, 12, 16, 20]
    model = read_model_folder(wanted.model_folder)
    assert (model.name, model.provenance["steps"]) == ("toy", steps)
    then = read_model_folder(wanted.run_folder / "models" / f"toy.{steps}")
    assert model.weights == then.weights
    assert ("score" in model.provenance) is keep_best


def test_ten_judgements_are_made_where_there_are_test_pictures(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: scripted(step))
    wanted = request(tmp_path, data, test_folders=tests, sample_every=0)
    run(wanted)
    assert len(read_judgements(wanted.run_folder / "metrics.jsonl")) == 10


def test_without_features_it_is_said_what_is_missing(
    tmp_path: Path, data: Path, tests: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "available", lambda: False)
    monkeypatch.setattr(Judge, "judge", lambda self, step, generators: judgement(step, kid=None))
    wanted = request(tmp_path, data, test_folders=tests, config={"steps": 2}, sample_every=0)
    prepared, _, _ = run(wanted)
    assert any("without probe and KID" in line and "cgtool[projected]" in line for line in prepared.warnings)
    assert read_model_folder(wanted.model_folder).provenance["steps"] == 2


def test_the_model_folder_is_the_averaged_generators(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"ema": 0.5}, sample_every=0)
    run(wanted)
    model = read_model_folder(wanted.model_folder)
    assert (model.name, model.domains, model.training_scale, model.stride) == ("toy", ("red", "blue"), 36, 4)
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


CHANGES = [("lr", 0.001), ("batch", 2), ("gan_loss", "bce"), ("steps", 40), ("seed", 5), ("load_size", 40)]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, data: Path) -> TrainRequest:
    wanted = request(tmp_path_factory.mktemp("stopped"), data)
    run(dataclasses.replace(wanted, stop_after=2))
    return wanted


@pytest.mark.parametrize(("name", "value"), CHANGES)
def test_a_changed_option_is_refused_by_name(stopped: TrainRequest, name: str, value: object) -> None:
    changed = dataclasses.replace(stopped, config=stopped.config.changed(**{name: value}))
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} from .* to {value}") as caught:
        run(changed)
    assert "--allow-change" in str(caught.value)


def test_allowed_changes_are_noted(tmp_path: Path, data: Path) -> None:
    wanted = request(tmp_path, data, config={"steps": 4})
    run(dataclasses.replace(wanted, stop_after=2))
    config = dataclasses.replace(wanted.config, lr=0.001, ema=0.0, batch=2)
    prepared, _, finished = run(dataclasses.replace(wanted, config=config, allow_change=True))
    assert sum("not exact" in warning for warning in prepared.warnings) == 3
    assert finished.step == 4
    assert {change["option"] for change in last_checkpoint(wanted)["changes"]} == {"--lr", "--ema", "--batch"}
    rates = [line["learning_rate"] for line in read_metrics(wanted.run_folder / "metrics.jsonl")]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-3, 5e-4])


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
    further = {"maps": {"evenness_A", "rims_B", "colour_A"}, "animal": {"background_A"}}[preset]
    assert {"range_A", *further} <= set(losses_of(wanted)[-1])
    model = read_model_folder(wanted.model_folder)
    assert (model.architecture["type"], model.stride, model.defaults.texture) == ("maps", 8, 0.0)
    load_generator(model, "A_to_B")


def test_other_images_are_refused(tmp_path: Path, stopped: TrainRequest) -> None:
    other = write_domains(tmp_path, count=7)
    with pytest.raises(UsageError, match=r"--a from 6 images to 7 other images"):
        run(dataclasses.replace(stopped, folders=(other / "trainA", stopped.folders[1])))


def test_a_checkpoint_of_another_architecture_is_refused(stopped: TrainRequest) -> None:
    config = dataclasses.replace(stopped.config, ngf=5)
    with pytest.raises(ModelError, match="another architecture") as caught:
        run(dataclasses.replace(stopped, config=config, allow_change=True))
    assert str(caught.value).count("\n") == 0
    assert "step_00000002.pt" in str(caught.value)


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


def test_a_warm_start_crosses_machines(tmp_path: Path, data: Path) -> None:
    first = request(tmp_path / "first", data, config={"steps": 3}, save_init=tmp_path / "init")
    run(first)
    files = {path.name for path in (tmp_path / "init").iterdir()}
    names = ("A_to_B", "B_to_A", "A_to_B.ema", "B_to_A.ema", "D_A", "D_B")
    assert files == {"init.json", *(f"{name}.safetensors" for name in names)}
    source = last_checkpoint(first)

    second = request(tmp_path / "second", data, config={"steps": 5, "lr": 0.0}, init=tmp_path / "init")
    prepared, progress, _ = run(second)
    assert prepared.step == 3
    assert [event.metrics.step for event in progress] == [4, 5]
    checkpoint = last_checkpoint(second)
    for name, state in checkpoint["networks"].items():  # the learning rate is 0
        for key, value in state.items():
            assert torch.equal(value, source["networks"][name][key].half().float())
    assert checkpoint["optimizers"][0]["state"][0]["step"].item() == 2  # fresh
    provenance = json.loads(json.dumps(read_model_folder(second.model_folder).provenance))
    assert provenance["init"]["step"] == 3
    assert provenance["init"]["provenance"]["run"] == source["id"]

    done = request(tmp_path / "third", data, config={"steps": 3}, init=tmp_path / "init")
    with pytest.raises(UsageError, match="3 steps already"):
        run(done)
    other = request(tmp_path / "fourth", data, config={"ngf": 5}, init=tmp_path / "init")
    with pytest.raises(ModelError, match=r"ngf=4.* but this training's is .*ngf=5"):
        run(other)
    (tmp_path / "init" / "D_A.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"D_A.safetensors: changed or damaged"):
        run(dataclasses.replace(second, name="fifth"))


def test_a_models_generators_are_trained_further(tmp_path: Path, data: Path) -> None:
    first = request(tmp_path / "first", data, config={"steps": 3})
    run(first)
    model = read_model_folder(first.model_folder)
    further: dict[str, Any] = {"steps": 2, "lr": 0.0, "ema": 0.9, "discriminator": "pixel"}
    second = request(tmp_path / "second", data, config=further, init=first.model_folder)
    prepared, progress, _ = run(second)
    assert prepared.step == 0
    assert [event.metrics.step for event in progress] == [1, 2]
    for direction in model.directions:  # the learning rate is 0
        one, other = (load_generator(read_model_folder(it.model_folder), direction) for it in (first, second))
        assert_equal(dict(one.state_dict()), dict(other.state_dict()))
    provenance = json.loads(json.dumps(read_model_folder(second.model_folder).provenance))
    assert provenance["init"]["step"] == 0
    assert provenance["init"]["provenance"]["run"] == model.provenance["run"]

    other_size = request(tmp_path / "third", data, config={"ngf": 5}, init=first.model_folder)
    with pytest.raises(ModelError, match=r"ngf=4.* but this training's is .*ngf=5"):
        run(other_size)


def test_a_warm_start_replaces_nothing_else(tmp_path: Path, data: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").touch()
    with pytest.raises(UsageError, match="no warm start"):
        run(request(tmp_path, data, save_init=tmp_path / "letters"))


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
