"""``python -m tests.benchmarks.models.directions ONE OTHER NEW``: one model's way there and another's way back.

Directions that learnt alone (``--learn``) need not have the same structure: `photo2monet` paints with a fast network,
and makes photographs with a large one. Engines are compiled anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

from cgtool.models.folder import MODEL_FILE, ModelFolder, read_model_folder, to_json


def combine(there: ModelFolder, back: ModelFolder, new: Path) -> ModelFolder:
    """Write a model folder with the A_to_B of one model and the B_to_A of another.

    Raises:
        SystemExit: They have other domains, or lack the direction.
        FileExistsError: There is such a folder.
    """
    if there.domains != back.domains:
        raise SystemExit(f"{back.path} moves between {' and '.join(back.domains)}, not {' and '.join(there.domains)}")
    for model, direction in ((there, "A_to_B"), (back, "B_to_A")):
        if direction not in model.directions:
            raise SystemExit(f"{model.path} has no {direction}")
    home = there.domains[0]
    network, defaults = back.network_of("B_to_A"), back.defaults_of("B_to_A")
    model = dataclasses.replace(
        there,
        path=new,
        name=new.name,
        network=there.network_of("A_to_B"),
        network_to={} if network == there.network_of("A_to_B") else {home: network},
        defaults=there.defaults_of("A_to_B"),
        defaults_to={} if defaults == there.defaults_of("A_to_B") else {home: defaults},
        weights={"A_to_B": there.weights["A_to_B"], "B_to_A": back.weights["B_to_A"]},
        provenance={**there.provenance, "B_to_A": back.provenance.get("B_to_A", back.provenance)},
    )
    new.mkdir(parents=True)
    for source, weights in ((there, model.weights["A_to_B"]), (back, model.weights["B_to_A"])):
        shutil.copy(source.path / weights.file, new / weights.file)
    (new / MODEL_FILE).write_text(to_json(model), encoding="utf-8")
    return read_model_folder(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("one", type=Path, help="model folder whose A_to_B is taken")
    parser.add_argument("other", type=Path, help="model folder whose B_to_A is taken")
    parser.add_argument("new", type=Path, help="model folder to make")
    arguments = parser.parse_args()
    combine(read_model_folder(arguments.one), read_model_folder(arguments.other), arguments.new)


if __name__ == "__main__":
    main()
