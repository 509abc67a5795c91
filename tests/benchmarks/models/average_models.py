"""The mean of models that one training wrote at several steps: what changes from step to step falls out.

``python -m tests.benchmarks.models.average_models OUT MODEL...`` averages the weights (Izmailov et al., "Averaging
Weights Leads to Wider Optima and Better Generalization", 2018). The training's own average (``--ema``) looks back some
thousand steps; this one over as many as the models are apart. Instance normalization has no statistics of its own to
average.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from cgtool.models.architecture import Generator
from cgtool.models.folder import ModelFolder, read_model_folder
from cgtool.models.weights import load_generator, save_model_folder


def average_models(out: Path, paths: Sequence[Path]) -> ModelFolder:
    """Write the mean of model folders.

    Args:
        out: The new folder. Its provenance is that of the model with the most steps, and says what was averaged.
        paths: Models of one run.

    Raises:
        ValueError: They are not of one run.
    """
    models = sorted((read_model_folder(path) for path in paths), key=_steps)
    if len({model.provenance["run"] for model in models}) != 1:
        raise ValueError("these models are not of one run")
    last = models[-1]
    return save_model_folder(
        out,
        {direction: mean([load_generator(model, direction) for model in models]) for direction in last.directions},
        domains=last.domains,
        training_scale=last.training_scale,
        provenance={**last.provenance, "mean_of_models_after": [_steps(model) for model in models]},
        defaults=last.defaults,
    )


@torch.no_grad()
def mean(nets: Sequence[Generator]) -> Generator:
    """The first network, with the mean of all their weights."""
    for weights in zip(*(net.parameters() for net in nets), strict=True):
        weights[0].copy_(torch.stack(weights).mean(0))
    return nets[0]


def _steps(model: ModelFolder) -> int:
    steps = model.provenance["steps"]
    assert isinstance(steps, int)
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="model folder to write")
    parser.add_argument("models", nargs="+", type=Path, help="model folders of one training")
    arguments = parser.parse_args()
    print(average_models(arguments.out, arguments.models).path)


if __name__ == "__main__":
    main()
