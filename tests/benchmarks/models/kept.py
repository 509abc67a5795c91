"""``python -m tests.benchmarks.models.kept MODEL...``: the step that ``--keep-best`` chose, as a Markdown table.

All is read off `model.json`: the score of the half of the test pictures that chose, and the figures of the other half.
A model whose step was not chosen by a score says so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cgtool.config import DIRECTIONS
from cgtool.models.folder import read_model_folder
from cgtool.training.judge.judgement import Figures
from tests.benchmarks.models.tried import figure_cells, markdown_table

_HEADS = ("model", "step kept", "score", "direction", "probe", "KID x1e3", "structure", "invented %", "cycle, levels")


def table(folders: Sequence[Path]) -> str:
    """Two rows for each model, one for each direction."""
    return markdown_table(_HEADS, (row for folder in folders for row in _rows(folder)))


def _rows(folder: Path) -> list[tuple[str, ...]]:
    model = read_model_folder(folder)
    about: dict[str, Any] = dict(model.provenance)
    rows = []
    for direction, target in zip(DIRECTIONS, reversed(model.domains), strict=True):
        own = about.get(direction, about)  # a training of its own, where a model's directions come from two
        steps = " of ".join(str(number) for number in (own.get("steps"), own.get("config", {}).get("steps")))
        if "score" in own:
            one = Figures(**own["judged"][direction])
            told = (f"{own['score']:.3f}", f"to {target}", *figure_cells(one), f"{one.cycle:.1f}")
        else:
            told = ("not chosen by one", f"to {target}", *[""] * (len(_HEADS) - 4))
        rows.append((model.name, steps, *told))
    return rows


if __name__ == "__main__":
    print(table([Path(name) for name in sys.argv[1:]]))
