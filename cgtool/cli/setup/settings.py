"""``--config`` and ``--profile``: settings files as the defaults of a command's options, and where each value is from.

The command line is stronger than the environment (``CGTOOL_CONVERT_CRF``), that than a profile, that than a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import click
from click.core import ParameterSource

from cgtool.cli.setup import files
from cgtool.errors import UsageError

COMMAND_LINE = "command line"
_GIVEN, _PLACES = "cgtool.settings", "cgtool.places"
_OWN = ("config", "profile", "debug", "help")
"""Options that a settings file can't set."""
_ALSO = {"watch": ("convert",), "preview": ("convert",)}
"""Commands that convert as well: they heed the settings of ``convert``, as far as they have such options."""
_VARIABLES = {"engines_dir": "CGTOOL_ENGINES"}
"""Variables that are more than an option's value, but stronger than a file all the same."""
_DEFAULT = "default"
"""A value that undoes what a weaker place says."""
_STRENGTH = (
    ParameterSource.DEFAULT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.ENVIRONMENT,
    ParameterSource.COMMANDLINE,
)


def options() -> list[click.Option]:
    """The options, for any command: they pass no value on."""
    common: dict[str, Any] = {"expose_value": False, "is_eager": True, "callback": _take}
    return [
        click.Option(
            ["--config"],
            metavar=f"FILE|{files.NONE}",
            envvar="CGTOOL_CONFIG",
            help=f"Settings file, instead of ./{files.NAME} and the user's.",
            **common,
        ),
        click.Option(
            ["--profile"],
            metavar="NAME",
            envvar="CGTOOL_PROFILE",
            help="Take a profile of the settings file.",
            **common,
        ),
    ]


def name_variables(command: click.Command, path: str) -> None:
    """Let the environment set a command's options: ``CGTOOL_CONVERT_CRF`` is ``--crf`` of ``cgtool convert``."""
    for key, option in _by_key(command).items():
        if option.envvar is None:
            option.envvar = f"CGTOOL_{path}_{key}".replace("-", "_").replace(" ", "_").upper()


def origins(ctx: click.Context) -> dict[str, str]:
    """Where the value of each option comes from that is not its default, by the option's name."""
    places: Mapping[str, str] = ctx.meta.get(_PLACES, {})
    told = {}
    for key, option in _by_key(ctx.command).items():
        name = option.name or ""
        source = ctx.get_parameter_source(name)
        if source == ParameterSource.DEFAULT_MAP:
            told[key] = places[name]
        elif source == ParameterSource.ENVIRONMENT:
            told[key] = f"${option.envvar}"
        elif source == ParameterSource.COMMANDLINE:
            told[key] = COMMAND_LINE
    return told


def settle(ctx: click.Context, flags: Mapping[str, bool]) -> dict[str, bool]:
    """Flags that exclude each other, without those that are set only in a weaker place than others of them."""

    def strength(name: str) -> int:
        return _STRENGTH.index(ctx.get_parameter_source(name) or ParameterSource.DEFAULT)

    strongest = max((strength(name) for name, value in flags.items() if value), default=0)
    return {name: value and strength(name) == strongest for name, value in flags.items()}


def _take(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Remember one of the two; with both, read the files."""
    given = ctx.meta.setdefault(_GIVEN, {})
    given[param.name] = value
    if len(given) < 2 or ctx.resilient_parsing:
        return
    places: dict[str, str] = {}
    values: dict[str, Any] = {}
    ctx.meta[_PLACES], ctx.default_map = places, values
    for name, setting, place in _settings(ctx, given["config"], given["profile"]):
        if name in _VARIABLES and os.environ.get(_VARIABLES[name]):
            continue
        if setting == _DEFAULT:
            values.pop(name, None)
        else:
            values[name], places[name] = setting, place


def _settings(ctx: click.Context, config: str | None, profile: str | None) -> Iterator[tuple[str, Any, str]]:
    """The parameter, value and place of everything that is set for a command, the weaker first."""
    above = list(_above(ctx))
    root = above[0].command
    if not isinstance(root, click.Group):
        return  # a command that somebody calls without the program around it
    words = [one.info_name or "" for one in above[1:]]
    mine = _by_key(ctx.command)
    for name in (*_ALSO.get(words[0], ()), None):
        path = words if name is None else [name]
        known = mine if name is None else _by_key(root.get_command(above[0], name) or ctx.command)
        for table in files.tables(files.found(config), path, profile, root.list_commands(above[0])):
            for written, value in table.settings.items():
                key = written.replace("_", "-")
                if key not in known:
                    hint = files.nearest(key, known)
                    message = f"{' '.join(['cgtool', *path])} has no option {written!r}"
                    raise UsageError(f"[{table.name}]: {message}", path=table.file, hint=hint)
                if value != _DEFAULT:
                    _check(ctx, known[key], value, table)
                if key in mine:
                    yield mine[key].name or "", value, table.place


def _check(ctx: click.Context, option: click.Option, value: object, table: files.Table) -> None:
    """Refuse a value that the option does not take, in words that name the file."""
    try:
        if option.is_flag and not isinstance(value, bool):
            raise click.BadParameter(f"{value!r} is neither true nor false")
        single = option.nargs == 1 and not option.multiple
        if (not option.is_flag and isinstance(value, bool)) or (single and isinstance(value, (list, dict))):
            raise click.BadParameter(f"{value!r} is no value for it")
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise UsageError(f"[{table.name}] {option.opts[0].lstrip('-')}: {error.message}", path=table.file) from error


def _above(ctx: click.Context) -> Iterator[click.Context]:
    if ctx.parent is not None:
        yield from _above(ctx.parent)
    yield ctx


def _by_key(command: click.Command) -> dict[str, click.Option]:
    """A command's options by the names that settings files know them by."""
    found = {}
    for option in command.params:
        names = [name for name in option.opts if name.startswith("--")]
        if isinstance(option, click.Option) and names and option.name not in _OWN:
            found[names[0].removeprefix("--")] = option
    return found
