"""Settings files: TOML with a table per command, and profiles that hold such tables again.

[convert]
to = "winter"

[profile.archive.convert]
codec = "ffv1"
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cgtool.config import config_dir
from cgtool.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAME = "cgtool.toml"
NONE = "none"
"""As ``--config``: no file at all."""
_PROFILES = "profile"


@dataclass(frozen=True)
class Table:
    """The settings of one command in one place.

    Attributes:
        file: The file that holds it.
        name: The table's name there, such as ``profile.archive.convert``.
        settings: Values by the options' names, as they are written.
    """

    file: Path
    name: str
    settings: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The place as it is told to people."""
        return f"{self.file} [{self.name}]"


def found(config: str | None) -> list[Path]:
    """The settings files that apply, the weaker first: the user's, then the one in the present folder.

    Args:
        config: ``--config``: this file alone, or ``none``.

    Raises:
        UsageError: The file that was asked for does not exist.
    """
    if config == NONE:
        return []
    if config is not None:
        if not Path(config).is_file():
            raise UsageError("no such settings file", path=config, hint=f"--config {NONE} does without any")
        return [Path(config)]
    return [path for path in (config_dir() / NAME, Path(NAME)) if path.is_file()]


def tables(
    paths: Iterable[Path], command: Sequence[str], profile: str | None, commands: Collection[str]
) -> Iterator[Table]:
    """The tables that hold a command's settings, the weaker first: profiles are stronger than files.

    Args:
        paths: The files, the weaker first.
        command: The command's name, one part per word.
        profile: ``--profile``.
        commands: The first words of all commands.

    Raises:
        UsageError: A file can't be read, a table has a name that no command has, or there is no such profile.
    """
    read = {path: _read(path) for path in paths}
    for path, contents in read.items():
        _check_names(path, "", contents, {*commands, _PROFILES})
        for name, inner in _profiles(path, contents).items():
            _check_names(path, f"{_PROFILES}.{name}.", inner, commands)
    for path, contents in read.items():
        yield from _table(path, contents, [], command)
    if profile is None:
        return
    known = {name for path, contents in read.items() for name in _profiles(path, contents)}
    if profile not in known:
        where = f"in {' or '.join(map(str, read))}" if read else f"as there is no {NAME}"
        raise UsageError(f"there is no profile {profile!r} {where}", hint=nearest(profile, known))
    for path, contents in read.items():
        yield from _table(path, contents, [_PROFILES, profile], command)


def nearest(name: str, known: Collection[str]) -> str | None:
    """A hint at what may have been meant; None if nothing is near."""
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {close[0]}?" if close else None


def _read(path: Path) -> dict[str, Any]:
    try:
        contents: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't be read: {error}", path=path) from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"is not TOML: {error}", path=path) from error
    return contents


def _profiles(path: Path, contents: Mapping[str, Any]) -> dict[str, Any]:
    profiles = contents.get(_PROFILES, {})
    for name, inner in profiles.items():
        if not isinstance(inner, dict):
            raise UsageError(f"{_PROFILES}.{name} is no table", path=path, hint=f"Write [{_PROFILES}.{name}.convert]")
    return dict(profiles)


def _check_names(path: Path, before: str, contents: Mapping[str, Any], known: Collection[str]) -> None:
    for name, inner in contents.items():
        if not isinstance(inner, dict):
            raise UsageError(
                f"{before}{name} is in no command's table",
                path=path,
                hint=f"Put it below a line like [{before}convert]",
            )
        if name not in known:
            hint = nearest(name, known) or f"Commands are {', '.join(sorted(known))}"
            raise UsageError(f"there is no command for its table [{before}{name}]", path=path, hint=hint)


def _table(path: Path, contents: Mapping[str, Any], before: Sequence[str], command: Sequence[str]) -> Iterator[Table]:
    names = [*before, *command]
    inner: Any = contents
    for name in names:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if isinstance(inner, dict):
        yield Table(path, ".".join(names), inner)
