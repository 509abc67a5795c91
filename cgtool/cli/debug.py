"""``--debug``: every command tells on standard error which way it took, and shows whole tracebacks."""

from __future__ import annotations

import logging
import os
import sys

import click

VARIABLE = "CGTOOL_DEBUG"

logger = logging.getLogger("cgtool")


def option() -> click.Option:
    """The option, for any command: it passes no value on."""
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_switch_on,
        help=f"Tell on standard error which way was taken, and show whole tracebacks; {VARIABLE}=1 does the same.",
    )


def is_on() -> bool:
    """Whether the user asked for it."""
    return logger.isEnabledFor(logging.DEBUG)


def prepare() -> None:
    """Keep the log silent, or switch it on where the environment asks for it."""
    logger.addHandler(logging.NullHandler())  # without a handler, Python prints warnings and worse by itself
    if os.environ.get(VARIABLE, "0") not in ("", "0"):
        switch_on()


def switch_on() -> None:
    """Write cgtool's log, and no library's, to standard error."""
    if is_on():
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(relativeCreated)7.0f ms  %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def _switch_on(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        switch_on()
