"""Look at the images of a training before it begins."""

from __future__ import annotations

from pathlib import Path

from cgtool.errors import CgtoolError, UsageError
from cgtool.training.data.check import DataCheck, look_at_data
from cgtool.training.data.sheet import write_sheet

__all__ = ["DataCheck", "check_data"]


def check_data(data: Path, sheet: Path | None = None, workers: int = 2) -> DataCheck:
    """Decode every image once, and look for what would make a training worse.

    Args:
        data: Holds ``trainA`` and ``trainB``, and perhaps ``testA`` and ``testB``, ``maskA`` and ``maskB``.
        sheet: Where a contact sheet is written, a JPEG; None for none.
        workers: Threads that decode.

    Raises:
        UsageError: A folder is missing or holds no image, or both domains have the same one.
        CgtoolError: The sheet can't be written.
    """
    if not data.is_dir():
        raise UsageError("no such folder", path=data, hint="It should hold trainA and trainB")
    train, tests = ((data / f"{kind}A", data / f"{kind}B") for kind in ("train", "test"))
    masks = any((data / f"mask{letter}").is_dir() for letter in "AB")
    check = look_at_data(train, ("A", "B"), tests, workers, masks=masks)
    if sheet is not None:
        try:
            write_sheet(sheet, check)
        except OSError as error:
            raise CgtoolError(f"can't be written: {error.strerror}", path=sheet, hint="Go to another folder") from error
    return check
