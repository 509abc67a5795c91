"""The mean of models: of those that one training wrote at several steps, or of a model and what it was trained on to.

``python -m tests.benchmarks.models.average_models OUT MODEL...`` averages the weights; a model given twice counts
twice. Over a training's steps, what changes from step to step falls out (Izmailov et al., "Averaging Weights Leads to
Wider Optima and Better Generalization", 2018); its own average (``--ema``) looks back some thousand steps, this one
over as many as the models are apart. Between a model and one that began with it (``--init``) lie models that are better
than both (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). Instance normalization has no statistics
of its own to average.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from cgtool.models.architecture import Generator
from cgtool.models.folder import ModelFolder, read_model_folder
from cgtool.models.weights import load_generator, save_model_folder


def average_models(out: Path, paths: Sequence[Path]) -> ModelFolder:
    """Write the mean of model folders.

    Args:
        out: The new folder. Its provenance is that of the last model, and says what was averaged.
        paths: Models of one run, or of several that went on from each other.

    Raises:
        ValueError: They are neither.
    """
    models = sorted((read_model_folder(path) for path in paths), key=_age)
    last = models[-1]
    runs = [_runs(model)[0] for model in models]
    if not set(runs) <= set(_runs(last)):
        raise ValueError("these models are neither of one run nor of several that went on from each other")
    averaged = [{"run": run, "steps": model.provenance["steps"]} for run, model in zip(runs, models, strict=True)]
    return save_model_folder(
        out,
        {direction: mean([load_generator(model, direction) for model in models]) for direction in last.directions},
        domains=last.domains,
        training_scale=last.training_scale,
        provenance={**last.provenance, "mean_of": averaged},
        defaults=last.defaults,
    )


@torch.no_grad()
def mean(nets: Sequence[Generator]) -> Generator:
    """The first network, with the mean of all their weights."""
    for weights in zip(*(net.parameters() for net in nets), strict=True):
        weights[0].copy_(torch.stack(weights).mean(0))
    return nets[0]


def _runs(model: ModelFolder) -> list[str]:
    """Its own run, the run of the model that it began with, and so on."""
    provenance: Any = model.provenance
    runs = [str(provenance["run"])]
    while before := provenance.get("init"):
        provenance = before["provenance"]
        runs.append(str(provenance["run"]))
    return runs


def _age(model: ModelFolder) -> tuple[int, int]:
    """How many trainings it has behind it, and how many steps of the last."""
    provenance: Any = model.provenance
    return len(_runs(model)), int(provenance["steps"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="model folder to write")
    parser.add_argument("models", nargs="+", type=Path, help="models of one training, or of several that went on")
    arguments = parser.parse_args()
    print(average_models(arguments.out, arguments.models).path)


if __name__ == "__main__":
    main()
