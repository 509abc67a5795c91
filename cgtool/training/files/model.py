"""A training's model folder, for conversion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cgtool.config import MAX_AUTO_SIZE
from cgtool.errors import CgtoolError, ModelError
from cgtool.files import publish_folder
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
    aside = _make_way(folder, record)
    save_model_folder(
        folder,
        state.best_generators(),
        domains=record.domains,
        training_scale=record.config.load_size,
        defaults=settings_of(record.config),
        provenance=provenance,
        synonyms=record.synonyms,
        overwrite=True,
    )
    return aside


def publish_model(folder: Path, kept: Path, record: RunRecord) -> Path | None:
    """Copy a model folder of the run's to where conversion finds it, in place of a former one; see `save_model`.

    Args:
        folder: Where to.
        kept: What `save_model` wrote, under the same name in another folder.
        record: The run.

    Returns:
        Where another run's model went; None if there was none.

    Raises:
        ModelError: It can't be read or written.
    """
    try:
        contents = {path.name: path.read_bytes() for path in kept.iterdir()}
        aside = _make_way(folder, record)
        publish_folder(folder, contents)
    except OSError as error:
        raise ModelError(f"can't be written: {error.strerror}", path=folder, hint="Choose another folder") from error
    return aside


def steps_of(folder: Path, record: RunRecord) -> int | None:
    """The steps that made the model in a folder; None if there is none of this run."""
    steps = read_model_folder(folder).provenance.get("steps") if _is_of(folder, record) else None
    return steps if isinstance(steps, int) else None


def _make_way(folder: Path, record: RunRecord) -> Path | None:
    """Move another run's model aside."""
    if not folder.exists() or _is_of(folder, record):
        return None
    aside = _free_name(folder)
    folder.rename(aside)
    return aside


def settings_of(config: TrainConfig) -> Defaults:
    """A model's settings of conversion: texture only of a network that was judged with it."""
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
