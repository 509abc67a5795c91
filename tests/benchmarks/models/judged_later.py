"""``python -m tests.benchmarks.models.judged_later MODEL... --data DATA``: what ``--keep-best`` would have chosen.

For models of one training that judged nothing on its way (``--judge-every 0``, where minutes cost) but wrote them
(``--export-every``). The training's own judge looks at them: of the test pictures, one half gives the score that
chooses, the other half the figures. A Markdown table, best first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cgtool.config import DIRECTIONS, Direction
from cgtool.models.folder import ModelFolder, read_model_folder
from cgtool.models.weights import load_generator
from cgtool.training.config import TrainConfig
from cgtool.training.data.images import find_domain, find_tests
from cgtool.training.judge.judge import Judge
from cgtool.training.judge.judgement import Figures
from tests.benchmarks.models.tried import figure_cells

_HEADS = ("model", "steps", "score", "direction", "probe", "KID x1e3", "structure", "invented %")


def table(models: Sequence[ModelFolder], data: Path) -> str:
    """A row for each model and direction that learned."""
    config = config_of(models[0])
    domains, tests = (
        [find(name, data / f"{which}{letter}", 2) for name, letter in zip(models[0].domains, "AB", strict=True)]
        for find, which in ((find_domain, "train"), (find_tests, "test"))
    )
    a, b = domains
    judge = Judge((a, b), (tests[0].paths, tests[1].paths), config, torch.device("cpu"))
    rows = [row for model in models for row in _rows(model, judge, config.objective.learning)]
    rows.sort(key=lambda row: (row[3], -float(row[2])))
    return "\n".join("| " + " | ".join(row) + " |" for row in [_HEADS, ("---",) * len(_HEADS), *rows])


def config_of(model: ModelFolder) -> TrainConfig:
    """What the training was told, on this CPU in FP32."""
    provenance: Any = model.provenance
    return TrainConfig.from_options({**provenance["config"], "precision": "fp32", "device": "cpu", "distill": None})


def _rows(model: ModelFolder, judge: Judge, learning: Sequence[Direction]) -> list[tuple[str, ...]]:
    provenance: Any = model.provenance
    generators = {direction: load_generator(model, direction) for direction in DIRECTIONS}
    judgement = judge.judge(provenance["steps"], generators)

    def row(direction: Direction) -> tuple[str, ...]:
        chosen_by: Figures = judgement.choosing[direction]
        told = f"{chosen_by.score or 0:.3f}", f"to {model.target(direction)}"
        return (model.name, f"{judgement.step}", *told, *figure_cells(judgement.reporting[direction]))

    return [row(direction) for direction in learning]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, help="model folders of one training")
    parser.add_argument("--data", type=Path, required=True, help="holds trainA, trainB, testA and testB")
    arguments = parser.parse_args()
    print(table([read_model_folder(path) for path in arguments.models], arguments.data))


if __name__ == "__main__":
    main()
