"""The scale that the reference trained at, read off its own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.models.checkpoints.reference_options import trained_scale


@pytest.mark.parametrize(
    ("text", "scale", "read_from"),
    [
        ("  load_size: 320   [default: 286]\n", 320, "train_opt.txt"),
        ("loadSize: 300\nresize_or_crop: resize_and_crop\n", 300, "train_opt.txt"),
        ("load_size: 320\npreprocess: crop\n", 286, "assumed"),
        ("load_size: 0\n", 286, "assumed"),
        ("\xff nothing", 286, "assumed"),
        (None, 286, "assumed, without a readable train_opt.txt"),
    ],
)
def test_the_scale_and_where_it_was_read(tmp_path: Path, text: str | None, scale: int, read_from: str) -> None:
    if text is not None:
        (tmp_path / "train_opt.txt").write_text(text, encoding="latin-1")
    found, where = trained_scale(tmp_path / "latest_net_G_A.pth")
    assert found == scale
    assert where.startswith(read_from)
