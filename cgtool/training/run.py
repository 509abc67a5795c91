"""The run folder's `config.json`, and what may change when a run goes on."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision

from cgtool import __version__
from cgtool.errors import UsageError
from cgtool.training.config import TrainConfig, flag
from cgtool.training.images import Domain


def versions() -> dict[str, str]:
    """What computed a result."""
    return {
        "cgtool": __version__,
        "torch": str(torch.__version__),  # a subclass of str, which weights_only loading refuses
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
    }


def make_run_folder(folder: Path) -> None:
    """Make the folder of a run and see that it can be written.

    Raises:
        UsageError: It can't.
    """
    try:
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"the run folder can't be written: {error.strerror}", path=folder, hint="Choose another --runs-dir"
        ) from error


def describe_data(domains: tuple[Domain, Domain]) -> dict[str, dict[str, Any]]:
    """The images of A and of B: name, folder, count and fingerprint."""
    return {
        letter: {
            "name": domain.name,
            "folder": domain.folder.as_posix(),
            "images": len(domain),
            "fingerprint": domain.fingerprint(),
        }
        for letter, domain in zip("AB", domains, strict=True)
    }


def changes(
    config: TrainConfig, data: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """What differs from what a checkpoint was made with and would make the result another.

    Args:
        config: The present one.
        data: As `describe_data` gives it.
        facts: The checkpoint's ``config`` and ``data``.

    Returns:
        Before and now, by option.
    """
    differing = {
        flag(name): (facts["config"].get(name), value)
        for name, value in config.to_json().items()
        if facts["config"].get(name) != value
    }
    for letter, domain in data.items():
        before = facts["data"][letter]
        if before["fingerprint"] != domain["fingerprint"]:
            differing[f"--{letter.lower()}"] = (f"{before['images']} images", f"{domain['images']} other images")
    return differing


def refuse_changes(differing: Mapping[str, tuple[Any, Any]], folder: Path, step: int) -> None:
    """Refuse to go on with another configuration.

    Raises:
        UsageError: Something differs; it is named.
    """
    if differing:
        words = ", ".join(f"{name} from {before} to {now}" for name, (before, now) in differing.items())
        raise UsageError(
            f"this run is at step {step}, and going on would not be exact: changed {words}",
            path=folder,
            hint="Take the change back, choose another --name, or pass --allow-change",
        )


def write_config(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `config.json`."""
    temporary = folder / "config.json.part"
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(folder / "config.json")
