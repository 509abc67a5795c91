"""The record of a run: one dataclass, from which `run.json`, checkpoints, the report and `model.json` derive."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torchvision

from cgtool import __version__
from cgtool.training.config import TrainConfig
from cgtool.training.data.images import Domain
from cgtool.training.options import options_of


def versions() -> dict[str, str]:
    """The software that computes a result."""
    return {
        "cgtool": __version__,
        "torch": str(torch.__version__),  # a subclass of str, which weights_only loading refuses
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
    }


_PATHS = ("encoder_weights", "distill")
"""Options that name a file or folder of this machine."""


@dataclass(frozen=True)
class DomainRecord:
    """One domain's images.

    Attributes:
        name: What the user calls it.
        folder: Where they are.
        images: How many there are.
        fingerprint: See `cgtool.training.data.images.Domain.fingerprint`.
    """

    name: str
    folder: str
    images: int
    fingerprint: str

    @classmethod
    def of(cls, domain: Domain) -> DomainRecord:
        """The record of a domain that was found."""
        return cls(domain.name, domain.folder.as_posix(), len(domain), domain.fingerprint())


@dataclass(frozen=True)
class Init:
    """Where a run's first weights came from, or those that it imitates.

    Attributes:
        step: Steps that made them, where the run counts on from there.
        sha256: Of the file that describes them, which holds those of the weights.
        provenance: What it says of itself.
        networks: Of a model: SHA-256 over structure and weights, which stay when the file that describes them changes.
    """

    step: int
    sha256: str
    provenance: Mapping[str, Any]
    networks: str | None = None


@dataclass(frozen=True)
class Change:
    """An option that was another one up to a step.

    Attributes:
        step: Steps that were done with the former value.
        option: Its flag.
        before: The former value.
        now: The value from then on.
    """

    step: int
    option: str
    before: Any
    now: Any


@dataclass(frozen=True)
class RunRecord:
    """All that is known of a run but its weights.

    Attributes:
        name: Of the run and of the model.
        domains: (A, B), as ``convert --to`` will call them.
        config: All that determines the result besides the images; settled.
        data: The images of A and of B.
        total_steps: The last step.
        processes: How many train together.
        command: How it was asked for, if on a command line.
        hardware: The machine, in words.
        id: Tells runs of the same name apart.
        init: Where its first weights came from; None if they were drawn.
        teacher: The model that it imitates, if any.
        changes: Where it went on otherwise than it had begun.
        synonyms: Other names of the domains.
        versions: The software that computes it.
    """

    name: str
    domains: tuple[str, str]
    config: TrainConfig
    data: tuple[DomainRecord, DomainRecord]
    total_steps: int
    processes: int
    command: str | None
    hardware: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    init: Init | None = None
    teacher: Init | None = None
    changes: tuple[Change, ...] = ()
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=versions)

    def to_json(self) -> dict[str, Any]:
        """The content of `run.json`."""
        about = {"name": self.name, "domains": self.domains, "total_steps": self.total_steps}
        return {**about, **self.in_checkpoint(), "command": self.command, "hardware": self.hardware}

    def in_checkpoint(self) -> dict[str, Any]:
        """The part that checkpoints hold, for `going_on`."""
        return {
            "id": self.id,
            "config": self.config.to_json(),
            "data": {letter: asdict(domain) for letter, domain in zip("AB", self.data, strict=True)},
            "init": self.init and asdict(self.init),
            "teacher": self.teacher and asdict(self.teacher),
            "changes": [
                {"step": change.step, "option": change.option, "from": change.before, "to": change.now}
                for change in self.changes
            ],
            "processes": self.processes,
            "versions": dict(self.versions),
        }

    def provenance(self, *, step: int, images: int, averaged: bool, hours: float) -> dict[str, Any]:
        """What `model.json` says of where its weights come from; it names no folder of this machine.

        Args:
            step: Steps done.
            images: Images of each domain seen.
            averaged: Whether the weights are moving averages.
            hours: How long the steps took.
        """
        checkpoint = self.in_checkpoint()
        files = {name: value and Path(value).name for name, value in checkpoint["config"].items() if name in _PATHS}
        data = {
            letter: {key: value for key, value in domain.items() if key != "folder"}
            for letter, domain in checkpoint["data"].items()
        }
        return {
            "made_by": "cgtool train",
            "run": self.id,
            "steps": step,
            "images": images,
            "seed": self.config.seed,
            "averaged": averaged,
            "data": data,
            "config": {**checkpoint["config"], **files},
            **{key: checkpoint[key] for key in ("init", "teacher", "changes", "versions")},
            "command": self.command,
            "hours": round(hours, 2),
            "hardware": self.hardware,
        }

    def differences(self, checkpoint: Mapping[str, Any]) -> list[Change]:
        """Where this run differs from the one that wrote a checkpoint, so that the result would be another.

        Options that a checkpoint does not know are newer than it: it was made with their defaults. A model that is
        imitated may lie elsewhere, as images may; another one may lie where it was.
        """
        step, config = checkpoint["step"], checkpoint["config"]
        values = self.config.to_json()
        found = [
            Change(step, option.flag, before, values[option.name])
            for option in options_of(TrainConfig)
            if option.name != "distill" and (before := config.get(option.name, option.default)) != values[option.name]
        ]
        teacher = checkpoint.get("teacher")
        if not _same_networks(teacher and Init(**teacher), self.teacher):
            models = (config.get("distill"), teacher), (values["distill"], self.teacher and asdict(self.teacher))
            found.append(Change(step, "--distill", *(_model_in_words(*model) for model in models)))
        for letter, domain in zip("AB", self.data, strict=True):
            before = checkpoint["data"][letter]
            if before["fingerprint"] != domain.fingerprint:
                words = f"{before['images']} images", f"{domain.images} other images"
                found.append(Change(step, f"--{letter.lower()}", *words))
        return found

    def going_on(self, checkpoint: Mapping[str, Any]) -> RunRecord:
        """The record of the run that wrote a checkpoint, with what has changed since."""
        init = checkpoint["init"]
        former = [
            Change(change["step"], change["option"], change["from"], change["to"]) for change in checkpoint["changes"]
        ]
        return replace(
            self,
            id=checkpoint["id"],
            init=init and Init(**init),
            changes=(*former, *self.differences(checkpoint)),
        )


def _same_networks(before: Init | None, now: Init | None) -> bool:
    if before is None or now is None:
        return before is now
    if before.networks is None:  # an older cgtool's: it noted no more than the file that describes them
        return before.sha256 == now.sha256
    return before.networks == now.networks


def _model_in_words(path: str | None, model: Mapping[str, Any] | None) -> str | None:
    """A model's name and the begin of its hash; no folder of this machine, as `model.json` has changes."""
    if path is None or model is None:
        return None
    return f"{Path(path).name} ({(model.get('networks') or model['sha256'])[:8]})"
