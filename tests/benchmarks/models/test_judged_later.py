"""Models that are judged after their training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cgtool.models.architecture import build_generator
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import save_model_folder
from tests.benchmarks.models.judged_later import table
from tests.training.data.toy import tiny_config


def test_the_best_comes_first_and_only_what_learned_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for letter, tint in (("A", (160, 40, 40)), ("B", (40, 40, 160))):
        for folder in (f"train{letter}", f"test{letter}"):
            (tmp_path / folder).mkdir()
            for number in range(8):
                pixels = rng.integers(0, 60, (64, 64, 3)) + np.array(tint)
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"{number}.png")
    config = tiny_config(generator="maps", learn="A_to_B")
    models = []
    for steps in (10, 20):
        torch.manual_seed(steps)
        nets = {name: build_generator(config.generator_architecture()) for name in ("A_to_B", "B_to_A")}
        provenance = {"run": "one", "steps": steps, "config": config.to_json()}
        path = tmp_path / f"after{steps}"
        save_model_folder(path, nets, domains=("red", "blue"), training_scale=64, provenance=provenance)  # type: ignore[arg-type]  # names are directions
        models.append(read_model_folder(path))
    heads, _, *rows = (
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table(models, tmp_path).splitlines()
    )
    assert heads[:4] == ["model", "steps", "score", "direction"]
    assert sorted(row[1] for row in rows) == ["10", "20"]
    assert {row[3] for row in rows} == {"to blue"}
    assert float(rows[0][2]) >= float(rows[1][2])
