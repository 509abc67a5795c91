"""The preview's page: what is in it, and how it works in a real browser."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cgtool.conversion.events import EngineOpened
from cgtool.conversion.request import PreviewRequest
from cgtool.errors import MediaError, UsageError
from cgtool.pictures import Size
from cgtool.tasks import preview as task
from tests.helpers.chromium import Chromium
from tests.helpers.probe import make


def data_of(page: Path) -> list[dict[str, Any]]:
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    inputs: list[dict[str, Any]] = json.loads(data)["inputs"]
    return inputs


def looked(events: Sequence[task.Event]) -> list[task.Looked]:
    return [event for event in events if isinstance(event, task.Looked)]


@pytest.fixture(scope="module")
def folder(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, a picture and a file that is neither, with the page of them."""
    folder = tmp_path_factory.mktemp("preview")
    make(folder / "a clip.mp4", "-i", bunny, "-t", "3", "-r", "6", "-vf", "scale=160:90", "-crf", "20")
    gradient = np.add.outer(np.arange(60), np.arange(81))[..., None] + np.array([0, 20, 40])
    Image.fromarray(gradient.astype(np.uint8)).save(folder / "photo.png")
    (folder / "bad.mp4").write_text("</script>")
    names = [folder / name for name in ("a clip.mp4", "bad.mp4", "photo.png")]
    request = PreviewRequest(names, to="winter", domains=("monet",), size=64, output=folder / "page.html")
    events = list(task.preview(request))
    assert sum(isinstance(event, EngineOpened) for event in events) == 2
    assert [event.error is None for event in looked(events)] == [True, False, True]
    assert isinstance(events[-1], task.PageWritten)
    return folder


def test_what_is_in_the_page(folder: Path) -> None:
    clip, photo = data_of(folder / "page.html")
    assert (clip["name"], clip["size"], round(clip["seconds"])) == ("a clip.mp4", "160x90", 3)
    assert len(clip["moments"]) == 3
    names = [choice["name"] for choice in clip["choices"]]
    assert names[:2] == ["winter, half strength", "winter, full strength"]
    assert names[2:] == ["monet, half strength", "monet, full strength", "monet, no texture"]
    assert shlex.split(clip["choices"][0]["command"]) == [
        *("cgtool", "convert", str(folder / "a clip.mp4"), "--to", "winter", "--size", "64", "--strength", "0.5"),
    ]
    assert all(choice["takes_seconds"] > 0 and choice["bytes"] > 0 for choice in clip["choices"])
    for moment in (*clip["moments"], *clip["choices"][0]["after"]):
        assert base64.b64decode(moment["clip"].split(",")[1]).startswith(b"\x1a\x45\xdf\xa3"), "WebM"
    assert [moment["clip"] for moment in photo["moments"]] == [None]
    assert photo["choices"][0]["takes_seconds"] is None
    whole = (folder / "page.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import""", whole), "all is inside"


def test_half_the_strength_is_half_the_change(folder: Path) -> None:
    def picture(uri: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        import io

        return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))), np.float32)

    clip, _ = data_of(folder / "page.html")
    before = picture(clip["moments"][0]["still"])
    half, full = (np.abs(picture(clip["choices"][n]["after"][0]["still"]) - before).mean() for n in (0, 1))
    assert full > 5
    assert half == pytest.approx(full / 2, rel=0.25)


def test_the_page_in_a_browser(folder: Path, tmp_path: Path) -> None:
    with Chromium(tmp_path / "profile") as browser:
        browser.open(folder / "page.html", 1200, 900)
        label = "document.getElementById('label').textContent"
        assert browser.evaluate("document.getElementById('name').textContent") == "a clip.mp4"
        assert browser.evaluate(label) == "winter, full strength"
        box = browser.evaluate("(r => [r.left, r.top, r.width, r.height])(stage.getBoundingClientRect())")
        left, top, width, height = box
        light = np.asarray(Image.open(browser.screenshot(tmp_path / "light.png")).convert("RGB"), np.float32)
        middle = top + height / 2
        browser.drag((left + width / 2, middle), (left + width * 0.9, middle))
        assert browser.evaluate("state.at") == pytest.approx(90, abs=0.5)
        dragged = np.asarray(Image.open(browser.screenshot(tmp_path / "dragged.png")).convert("RGB"), np.float32)
        rows = slice(int(top + height * 0.2), int(top + height * 0.4))
        between = slice(int(left + width * 0.6), int(left + width * 0.85))
        assert np.abs(light[rows, between] - dragged[rows, between]).mean() > 5, "after became before"
        browser.press("ArrowLeft")
        assert browser.evaluate("state.at") == pytest.approx(88, abs=0.5)
        browser.press("1")
        assert browser.evaluate(label) == "winter, half strength"
        assert "--strength 0.5" in browser.evaluate("document.getElementById('command').textContent")
        browser.press("m")
        playing = "new Promise(done => { const wait = () => afterClip.currentTime > 0 && beforeClip.currentTime > 0"
        assert browser.evaluate(playing + " ? done(afterClip.videoWidth) : setTimeout(wait, 20); wait(); })") == 160
        browser.evaluate("document.querySelectorAll('.tab')[1].click()")
        assert browser.evaluate("document.getElementById('mode').hidden"), "a picture does not move"
        browser.open(folder / "page.html", 1200, 900, dark=True)
        dark = np.asarray(Image.open(browser.screenshot(tmp_path / "dark.png")).convert("L"), np.float32)
        assert light[:10].mean() > 200
        assert dark[:10].mean() < 60
        browser.open(folder / "page.html", 360, 740)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 360, "nothing sticks out"


def test_nothing_to_show_is_an_error_and_leaves_the_former_page(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("former")
    request = PreviewRequest(folder / "bad.mp4", to="winter", output=page, engine="identity")
    with pytest.raises(MediaError, match="no input could be read"):
        list(task.preview(request))
    assert page.read_text() == "former"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"output": "page.mp4"}, "is no page"), ({"domains": ("monet",), "model": "summer2winter"}, "one --to")],
)
def test_what_can_not_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        PreviewRequest("a.mp4", to="winter", **options)


@pytest.mark.parametrize(
    ("size", "longest", "fits"),
    [((1920, 1080), 1280, (1280, 720)), ((161, 121), 1280, (160, 120)), ((100, 4000), 640, (16, 640))],
)
def test_sizes_in_the_page(size: tuple[int, int], longest: int, fits: tuple[int, int]) -> None:
    assert task.fitted(Size(*size), longest) == Size(*fits)
