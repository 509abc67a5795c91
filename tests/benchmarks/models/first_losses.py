"""Records the first losses of a shipped model's recipe in its `model.json`; tests/test_recipes.py reproduces them.

The recipe is the configuration in the provenance, begun from scratch, on a CPU in FP64: three steps that any machine
with the data can repeat, of at most two crops of 128 px of each domain, for FP64 is slow. In FP32, Adam's first steps
turn rounding errors, which are each machine's own, into whole steps (see tests/training/steps/in_float64.py). A model
that began with another has that one's recipe, losses included, in its provenance.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cgtool.tasks.train import TrainRequest, train
from cgtool.training.config import TrainConfig
from cgtool.training.files.metrics import read_metrics
from tests.benchmarks.models.chosen import MEASURES, Measure, link_most
from tests.benchmarks.models.joined import link_all
from tests.benchmarks.models.without_animals import link_without_objects
from tests.training.steps.in_float64 import double_precision

STEPS, BATCH, SIDE = 3, 2, 128
TEACHERS = Path(__file__).parents[2] / "warmstarts"
DATA = {
    ("photo", "vangogh"): ("photo2monet", "vangogh"),
    ("day", "sunset"): ("day2night", "sunset"),
}
"""Folders of ../shared/data that hold trainA and trainB by domains, where that is not one folder named after both."""
LANDSCAPES_AND_TOWNS = ("photo2monet/trainA", "day2night/trainA")
"""By day, and without horses or zebras."""
MOST_OF = {"winter": "snow", "sunset": "warmth"}
"""What the pictures of a domain show most of, where not all of them were shown."""


def first_losses(recipe: Mapping[str, Any], data: Path, scratch: Path) -> list[dict[str, float]]:
    """Train a recipe's first steps.

    Args:
        recipe: The provenance that says which pictures and which configuration.
        data: Holds the data sets.
        scratch: An empty folder for the run.

    Returns:
        The weighted losses by name, a mapping for each step.
    """
    options = {**recipe["config"], "precision": "fp32", "device": "cpu", "compile": False}
    options["batch"] = min(options["batch"], BATCH)
    options["crop_size"] = min(options["crop_size"], SIDE)
    options["learn"] = "both"  # what learns alone needs a model to begin with
    if options.get("distill"):
        options["distill"] = str(TEACHERS / options["distill"])
    config = TrainConfig.from_options(options)
    domains = recipe["data"]["A"]["name"], recipe["data"]["B"]["name"]
    request = TrainRequest(
        name="recipe",
        domains=domains,
        folders=folders(domains, recipe["data"], data, scratch),
        config=config,
        runs_dir=scratch / "runs",
        engines_dir=scratch / "engines",
        stop_after=STEPS,
    )
    with double_precision():
        for _ in train(request):
            pass
    steps = read_metrics(request.run_folder / "metrics.jsonl")
    others = {"step", "epoch", "learning_rate", "seconds", "data_seconds", "cpu_seconds"}
    return [{name: value for name, value in step.items() if name not in others} for step in steps]


def folders(domains: tuple[str, str], about: Mapping[str, Any], data: Path, scratch: Path) -> tuple[Path, Path]:
    """Where a recipe's pictures are; what it chose or put together is made anew, of links."""
    a, b = (data / name for name in DATA.get(domains, 2 * ("2".join(domains),)))
    others = [data / name for name in LANDSCAPES_AND_TOWNS]
    made, count = scratch / "pictures", about["B"]["images"]
    if count < len(list((b / "trainB").iterdir())) and (name := MOST_OF.get(domains[1])):
        link_most(b, scratch / "chosen", Measure(MEASURES[name].share, count))
        b = scratch / "chosen"
    if domains[1] == "zebra" and (added := about["A"]["images"] - len(list((a / "trainA").iterdir()))):
        link_without_objects(a, made, others, added)
        a = b = made
    elif domains[1] == "sunset":
        link_all(made / "trainA", others)
        a = made
    return a / "trainA", b / "trainB"


def chain(provenance: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The provenance of a model, of the models that it began with or imitates, and so on.

    Where a model's directions come from two trainings, that of the second is below the first.
    """
    yield provenance
    if second := provenance.get("B_to_A"):
        yield from chain(second)
    for key in ("init", "teacher"):
        if before := provenance.get(key):
            yield from chain(before["provenance"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, help="model folders")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds the data sets")
    arguments = parser.parse_args()
    for model in arguments.models:
        path = model / "model.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        for provenance in chain(content["provenance"]):
            with tempfile.TemporaryDirectory() as scratch:
                provenance["first_losses"] = first_losses(provenance, arguments.data, Path(scratch))
            print(f"{path}: {provenance['first_losses'][0]}")
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
