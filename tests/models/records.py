"""Records of models, to be read and to be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HASH = "0" * 64


def described(
    name: str, domains: tuple[str, str], directions: tuple[str, ...] = ("A_to_B", "B_to_A")
) -> dict[str, Any]:
    return {
        "format_version": 1,
        "name": name,
        "domains": list(domains),
        "architecture": {"type": "resnet", "blocks": 6},
        "stride": 4,
        "training_scale": 286,
        "weights": {direction: {"file": f"{direction}.safetensors", "sha256": HASH} for direction in directions},
        "defaults": {"size": 286, "smooth": 0.8, "texture": 0.25},
        "provenance": {"note": "made for a test"},
    }


def put(place: Path, data: dict[str, Any], *, folder: str | None = None) -> Path:
    path = place / (folder or data["name"])
    path.mkdir(parents=True)
    (path / "model.json").write_text(json.dumps(data))
    for direction in data["weights"]:
        (path / f"{direction}.safetensors").touch()
    return path
