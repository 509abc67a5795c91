"""Outputs beside which a temporary file lies until they are whole, with errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cgtool.errors import MediaError, OutputExistsError
from cgtool.files import Reservation, write_whole


def reserve(path: Path, *, overwrite: bool) -> Reservation:
    """Make the temporary file of an output, and remove what dead writers of the same output left.

    Raises:
        OutputExistsError: The output exists and is not to be replaced.
        MediaError: The folder can't be made or written.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError("exists already", path=path, hint="Use --overwrite to replace it or --skip-existing")
    with _in_our_words(path):
        return Reservation(path)


def publish(output: Reservation, *, overwrite: bool) -> None:
    """Give a finished output its name, in one step and on the disk.

    Raises:
        OutputExistsError: It came into being in the meantime and is not to be replaced.
        MediaError: It can't be written.
    """
    with _in_our_words(output.target):
        try:
            output.publish(overwrite=overwrite)
        except FileExistsError as error:
            raise OutputExistsError("appeared while it was being made", path=output.target) from error


def write_file(path: Path, data: bytes) -> None:
    """Write an output at once, replacing what was there.

    Raises:
        MediaError: It can't be written.
    """
    with _in_our_words(path):
        write_whole(path, data)


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaError(f"can't be written: {error.strerror}", path=path) from error
