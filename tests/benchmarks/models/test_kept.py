"""Which step was kept, as model.json has it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from cgtool.config import DIRECTIONS
from cgtool.models.weights import save_model_folder
from cgtool.training.build import build_networks
from tests.benchmarks.models.kept import table
from tests.training.data.toy import tiny_config
from tests.training.judge.test_judgement import IDENTITY

torch = pytest.importorskip("torch")


def test_the_step_that_was_kept_and_what_it_is_worth(tmp_path: Path) -> None:
    nets = build_networks(tiny_config(), torch.device("cpu"))
    judged = {direction: asdict(IDENTITY) for direction in DIRECTIONS}
    chosen = {"steps": 12, "config": {"steps": 20}, "score": 1 / 3, "judged": json.loads(json.dumps(judged))}
    last = {"steps": 20, "config": {"steps": 20}}
    for name, about in (("best", chosen), ("both", {**last, "B_to_A": chosen})):
        save_model_folder(
            tmp_path / name, nets.generators, domains=("red", "blue"), training_scale=36, provenance=about
        )
    lines = table([tmp_path / "best", tmp_path / "both"]).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2:] == [
        "| best | 12 of 20 | 0.333 | to blue | 0.00 | 40.0 | 1.000 | 0.00 | 0.0 |",
        "| best | 12 of 20 | 0.333 | to red | 0.00 | 40.0 | 1.000 | 0.00 | 0.0 |",
        "| both | 20 of 20 | not chosen by one | to blue |  |  |  |  |  |",
        "| both | 12 of 20 | 0.333 | to red | 0.00 | 40.0 | 1.000 | 0.00 | 0.0 |",
    ]
