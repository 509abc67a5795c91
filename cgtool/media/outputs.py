"""Outputs appear under their names only when they are whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cgtool.errors import MediaError, OutputExistsError


def reserve(path: Path, *, overwrite: bool) -> Path:
    """Create an empty hidden file beside ``path``, to be written and then published under its name.

    Raises:
        OutputExistsError: ``path`` exists and is not to be replaced.
        MediaError: The folder can't be made or written.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError("exists already", path=path, hint="Use --overwrite to replace it or --skip-existing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:80]}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise MediaError(f"can't be written ({error.strerror})", path=path) from error
    os.close(handle)
    return Path(name)


def publish(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name, in one step and on disk.

    Raises:
        OutputExistsError: ``path`` came into being in the meantime and is not to be replaced.
    """
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner reads
    if path.exists() and not overwrite:
        temporary.unlink()
        raise OutputExistsError("appeared while it was being made", path=path)
    temporary.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
