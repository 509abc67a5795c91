"""`cgtool preview` as a shell sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cgtool", "preview", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_a_page_is_made_and_a_bad_file_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (96, 64), "green").save(tmp_path / "photo.png")
    done = run("photo.png", "--to", "winter", "--to", "monet", "--size", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("preview.html: ")
    assert "<title>photo.png · cgtool preview</title>" in (tmp_path / "preview.html").read_text(encoding="utf-8")
    done = run("photo.png", "away.mp4", "--to", "winter", "--size", "64", "-o", "two.html", cwd=tmp_path)
    assert done.returncode == 1
    assert "away.mp4: no such file" in done.stderr
    assert (tmp_path / "two.html").is_file()


def test_wrong_usage(tmp_path: Path) -> None:
    assert run("photo.png", "--to", "mars", cwd=tmp_path).returncode == 2
    done = run("photo.png", "--to", "winter", "-o", "page.mp4", cwd=tmp_path)
    assert (done.returncode, "must end in .html" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
