"""How the reference PyTorch CycleGAN trained a checkpoint, as the option file beside it says. Imports no torch."""

from __future__ import annotations

import re
from pathlib import Path

OPTION_FILE = "train_opt.txt"
USUAL_SCALE = 286
"""Short side in pixels that the reference resizes to before it crops to 256, unless told otherwise."""


def trained_scale(checkpoint: Path) -> tuple[int, str]:
    """Short side in pixels after a checkpoint's training's resize and before its crop, and where that was read."""
    options = checkpoint.parent / OPTION_FILE
    try:
        text = options.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return USUAL_SCALE, f"assumed, without a readable {OPTION_FILE} beside the checkpoint"
    # Old versions spell them loadSize and resize_or_crop.
    size = re.search(r"^\s*load_?size:\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
    unused = re.search(r"^\s*(preprocess|resize_or_crop):\s*(none|crop)\b", text, re.MULTILINE)
    if size and int(size[1]) > 0 and not unused:
        return int(size[1]), OPTION_FILE
    return USUAL_SCALE, f"assumed, as {OPTION_FILE} names no load_size that was used"
