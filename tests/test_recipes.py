"""The shipped models come from recipes that anybody with the data can begin again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cgtool.backends.manifest import EngineFile, find_engines
from cgtool.models.folder import engine_key, read_model_folder
from tests.benchmarks.models.first_losses import STEPS, chain, first_losses

ENGINES = Path(__file__).parents[1] / "engines"
MODELS = sorted(path.parent for path in ENGINES.glob("*/model.json"))


def check_first_losses(model: Path, data: Path, scratch: Path, recipes: slice) -> None:
    # A model that several steps imitate is told of in each of them.
    by_text = {json.dumps(one): one for one in chain(json.loads((model / "model.json").read_bytes())["provenance"])}
    for number, recipe in enumerate([*by_text.values()][recipes]):
        recorded = recipe["first_losses"]
        assert len(recorded) == STEPS
        losses = first_losses(recipe, data, scratch / str(number))
        for now, then in zip(losses, recorded, strict=True):
            assert now == pytest.approx(then, abs=1e-4)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_the_first_losses_can_be_reproduced(model: Path, real_data: Path, tmp_path: Path) -> None:
    check_first_losses(model, real_data, tmp_path, slice(1))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_so_can_those_of_the_models_before(model: Path, real_data: Path, tmp_path: Path) -> None:
    check_first_losses(model, real_data, tmp_path, slice(1, None))


def test_there_are_shipped_models() -> None:
    assert {"summer2winter", "photo2monet"} <= {model.name for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)
def test_a_shipped_model_says_where_it_comes_from(model: Path) -> None:
    content = json.loads((model / "model.json").read_text(encoding="utf-8"))
    provenance = content["provenance"]
    assert provenance["made_by"] == "cgtool train"
    assert provenance["command"].startswith("cgtool train ")
    assert provenance["steps"] > 0
    assert provenance["hours"] > 0
    assert all(provenance["data"][letter]["images"] > 0 for letter in "AB")
    assert provenance["seed"] == provenance["config"]["seed"]
    assert provenance["hardware"]
    assert {"cgtool", "torch", "torchvision", "python"} <= set(provenance["versions"])
    for weights in content["weights"].values():
        assert (model / weights["file"]).stat().st_size <= 6_000_000


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_a_shipped_model_runs_without_pytorch(path: Path) -> None:
    """An FP16 ONNX engine of each direction lies beside the weights, made of these weights by this graph."""
    model = read_model_folder(path)
    engines = [engine for engine in find_engines(path) if isinstance(engine, EngineFile)]
    for direction in model.directions:
        (engine,) = (
            engine
            for engine in engines
            if (engine.manifest.direction, engine.manifest.format) == (direction, "onnx")
            and engine.manifest.precision == "fp16"
        )
        assert engine.manifest.key == engine_key(model, direction)
        assert engine.manifest.parity["psnr_db"] >= 40
        assert len(engine.read()) == 1
