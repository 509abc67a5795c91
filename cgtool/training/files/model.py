"""A training's model folder, for conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgtool.config import MAX_AUTO_SIZE
from cgtool.errors import CgtoolError
from cgtool.models.folder import Defaults, read_model_folder
from cgtool.models.weights import save_model_folder
from cgtool.training.config import TrainConfig
from cgtool.training.networks import GENERATORS
from cgtool.training.record import RunRecord
from cgtool.training.state import TrainState


def save_model(folder: Path, record: RunRecord, state: TrainState, provenance: Mapping[str, Any]) -> Path | None:
    """Write the generators as a model folder; a former one of this run is replaced, another's is moved aside.

    Returns:
        Where another run's model went; None if there was none.

    Raises:
        UsageError: Something that is no model folder has that name.
        ModelError: Weights are not finite in half precision, or it can't be written.
    """
    aside = None
    if folder.exists() and not _is_of(folder, record):
        aside = _free_name(folder)
        folder.rename(aside)
    save_model_folder(
        folder,
        state.best_generators(),
        domains=record.domains,
        training_scale=record.config.load_size,
        defaults=_defaults(record.config),
        provenance=provenance,
        overwrite=True,
    )
    return aside


def _defaults(config: TrainConfig) -> Defaults:
    """What conversion should show: texture only of a network that was judged with it."""
    size = min(config.load_size, MAX_AUTO_SIZE)
    objective = config.objective
    if not GENERATORS[config.generator].draws:
        return Defaults(size=size)
    if not objective.through_detail:
        return Defaults(size=size, texture=1.0)
    return Defaults(size=size, texture=objective.texture, contrast=objective.contrast)


def _is_of(folder: Path, record: RunRecord) -> bool:
    try:
        return bool(read_model_folder(folder).provenance.get("run") == record.id)
    except CgtoolError:
        return False


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.previous-{number}")).exists():
        number += 1
    return aside
