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
from cgtool.training.judge.judgement import Judgement
from tests.benchmarks.models.tried import figure_cells, markdown_table

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
    judged = [(model, _judged(model, judge)) for model in models]
    rows = []
    for direction in config.objective.learning:
        judged.sort(key=lambda one: one[1].choosing[direction].score or 0, reverse=True)
        rows += [_row(model, judgement, direction) for model, judgement in judged]
    return markdown_table(_HEADS, rows)


def config_of(model: ModelFolder) -> TrainConfig:
    """What the training was told, on this CPU in FP32."""
    provenance: Any = model.provenance
    return TrainConfig.from_options({**provenance["config"], "precision": "fp32", "device": "cpu", "distill": None})


def _judged(model: ModelFolder, judge: Judge) -> Judgement:
    provenance: Any = model.provenance
    return judge.judge(provenance["steps"], {direction: load_generator(model, direction) for direction in DIRECTIONS})


def _row(model: ModelFolder, judgement: Judgement, direction: Direction) -> list[str]:
    score = judgement.choosing[direction].score
    told = "" if score is None else f"{score:.3f}", f"to {model.target(direction)}"
    return [model.name, f"{judgement.step}", *told, *figure_cells(judgement.reporting[direction])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path, help="model folders of one training")
    parser.add_argument("--data", type=Path, required=True, help="holds trainA, trainB, testA and testB")
    arguments = parser.parse_args()
    print(table([read_model_folder(path) for path in arguments.models], arguments.data))


if __name__ == "__main__":
    main()
