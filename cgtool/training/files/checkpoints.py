"""Checkpoints that are whole or not there at all."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import torch

from cgtool.errors import ModelError
from cgtool.files import writing

logger = logging.getLogger(__name__)

_FORMAT = 1
_NAME = re.compile(r"step_(\d{8,})\.pt")


class Checkpoints:
    """A run's checkpoints, the last ``keep`` of them.

    Args:
        folder: Where they are; made when the first is saved.
        keep: How many remain.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self._keep = keep

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(match[1]) for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name)))

    def path(self, step: int) -> Path:
        """Where a step's checkpoint is."""
        return self.folder / f"step_{step:08d}.pt"

    def save(self, step: int, content: dict[str, Any]) -> Path:
        """Write a checkpoint, which appears when it is whole and on the disk, and remove old ones.

        Raises:
            ModelError: It can't be written.
        """
        target = self.path(step)
        try:
            with writing(target) as file:
                torch.save({"format": _FORMAT, **content}, file)
            for old in self.steps()[: -self._keep]:
                self.path(old).unlink()
        except (OSError, RuntimeError) as error:  # torch's ZIP writer turns a full disk into a RuntimeError
            raise ModelError(
                f"the checkpoint can't be written: {error}", path=target, hint="Make room, and run the command again"
            ) from error
        logger.debug("saved %s", target)
        return target

    def load_last(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Read the newest checkpoint that is whole.

        Returns:
            Its content, None if there is no checkpoint, and what to warn of.

        Raises:
            ModelError: There are checkpoints but none can be read.
        """
        warnings: list[str] = []
        problem: ModelError | None = None
        for step in reversed(self.steps()):
            try:
                return self._load(self.path(step)), warnings
            except ModelError as error:
                warnings.append(f"{error}; going on from an older checkpoint")
                problem = error
        if problem is not None:
            raise ModelError(problem.message, path=problem.path, hint="No older one can be read: choose another --name")
        return None, []

    @staticmethod
    def _load(path: Path) -> dict[str, Any]:
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # damaged bytes make the unpickler fail in many ways
            raise ModelError("truncated or damaged", path=path) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ModelError("not a checkpoint of this version of cgtool", path=path)
        return content
