"""Where a training begins: at its last checkpoint, at a warm start, or from nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cgtool.errors import ModelError, UsageError
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.warmstart import read_init
from cgtool.training.record import Change, RunRecord
from cgtool.training.state import TrainState

logger = logging.getLogger(__name__)


def resume(
    state: TrainState, record: RunRecord, checkpoints: Checkpoints, *, init: Path | None, allow_change: bool
) -> tuple[RunRecord, list[str]]:
    """Go on from the last checkpoint, or begin with a warm start if one is asked for.

    Args:
        state: As built from the configuration; it takes over what is found.
        record: As begun now.
        checkpoints: The run's.
        init: A warm start for a run without checkpoints, or a model's folder.
        allow_change: Go on even where that is not exact.

    Returns:
        The record of the run that goes on, and what to warn of.

    Raises:
        UsageError: Something has changed since the checkpoint, or the warm start has all steps already.
        ModelError: A checkpoint or the warm start is damaged or of another architecture.
    """
    checkpoint, warnings = checkpoints.load_last()
    if checkpoint is None:
        logger.debug("no checkpoint in %s; beginning with %s", checkpoints.folder, init or f"seed {state.config.seed}")
        return (record if init is None else _begin_with(init, state, record)), warnings
    step = checkpoint["step"]
    logger.debug("going on from %s", checkpoints.path(step))
    differing = record.differences(checkpoint)
    if differing and not allow_change:
        raise _refusal(differing, checkpoints.folder.parent, step)
    try:
        state.load_state_dict(checkpoint)
    except ModelError as error:
        raise ModelError(error.message, path=checkpoints.path(step), hint=error.hint) from error
    warnings += [
        f"going on with {change.option} {change.now}, which was {change.before}: not exact" for change in differing
    ]
    if checkpoint["processes"] != record.processes:
        warnings.append(f"going on in {record.processes} processes, where {checkpoint['processes']} were: not exact")
    return record.going_on(checkpoint), warnings


def _begin_with(folder: Path, state: TrainState, record: RunRecord) -> RunRecord:
    start = read_init(folder, state.networks)
    try:
        state.begin_with(start.networks, start.averages)
    except ModelError as error:
        raise ModelError(error.message, path=folder, hint=error.hint) from error
    state.step, state.images = start.init.step, start.images
    if state.step >= record.total_steps:
        raise UsageError(
            f"it has {state.step} steps already, and --steps is {record.total_steps}",
            path=folder,
            hint="--steps is the total: raise it",
        )
    return replace(record, init=start.init)


def _refusal(differing: Sequence[Change], folder: Path, step: int) -> UsageError:
    words = ", ".join(f"{change.option} from {change.before} to {change.now}" for change in differing)
    return UsageError(
        f"this run is at step {step}, and going on would not be exact: changed {words}",
        path=folder,
        hint="Take the change back, choose another --name, or pass --allow-change",
    )
