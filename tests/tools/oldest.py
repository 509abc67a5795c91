"""Pins every dependency to the oldest release that pyproject.toml declares, as constraints for pip.

``python -m tests.tools.oldest > oldest.txt; pip install -c oldest.txt -e '.[all,test]'``: `make test-oldest` does it.
It runs on any Python from 3.11 on, and on 3.10 where pip is: pip has a TOML reader of its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_DECLARED = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?(?:\s*(?P<how>>=|==)\s*(?P<version>[\w.]+))?")


def declared(project: dict[str, Any]) -> list[str]:
    """All requirements, those of every extra included."""
    extras = project["project"]["optional-dependencies"].values()
    return [*project["project"]["dependencies"], *(line for extra in extras for line in extra)]


def oldest(requirements: list[str]) -> list[str]:
    """One pin for each.

    Raises:
        ValueError: A requirement has no lower bound.
    """
    pins = {}
    for requirement in requirements:
        told = _DECLARED.match(requirement)
        if told is None or (told["version"] is None and told["name"] != "cgtool"):
            raise ValueError(f"{requirement!r} has no lower bound")
        if told["name"] != "cgtool":  # its own extras
            pins[told["name"]] = f"{told['name']}=={told['version']}"
    return sorted(pins.values())


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        from pip._vendor import tomli as tomllib
    return tomllib.loads(text)


if __name__ == "__main__":
    print("\n".join(oldest(declared(_toml(PROJECT.read_text(encoding="utf-8"))))))
