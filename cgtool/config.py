"""Paths and constants that every layer may use. Imports nothing of cgtool, and nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

Direction = Literal["A_to_B", "B_to_A"]
DIRECTIONS: tuple[Direction, Direction] = ("A_to_B", "B_to_A")


def opposite(direction: Direction) -> Direction:
    """The way back."""
    return "B_to_A" if direction == "A_to_B" else "A_to_B"


Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16", "fp16")

EnginePrecision = Literal["fp32", "bf16", "fp16", "int8"]
"""The arithmetic of an engine's convolutions. Around int8 ones, what is not quantized runs in the best there is."""
ENGINE_PRECISIONS: tuple[EnginePrecision, ...] = ("fp32", "bf16", "fp16", "int8")

MAX_AUTO_SIZE = 720
"""The network's short side in pixels never exceeds this when ``--size auto`` chooses it."""

SEGMENT_SECONDS = 20.0
"""Length of a long video's segments unless told otherwise: what is lost at most when a conversion is killed."""

LEAST_CONTRAST = 0.92
"""Share of the source's contrast that guided detail keeps everywhere, unless a model was trained with less."""

Every = int | Literal["auto"]
"""A map network sees every so manieth frame of a video; ``auto``: as often as the source's motion asks for."""


def cache_dir() -> Path:
    """The user's cache folder for compiled engines and measured timings.

    ``$CGTOOL_CACHE`` overrides the platform's own place. The folder may not exist yet.
    """
    override = os.environ.get("CGTOOL_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("cgtool", appauthor=False))


def config_dir() -> Path:
    """The user's folder for settings, in the platform's own place. It may not exist."""
    return Path(platformdirs.user_config_dir("cgtool", appauthor=False))
