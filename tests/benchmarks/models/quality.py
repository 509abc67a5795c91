"""How well a model translates: the figures of ``engines/README.md``, for pictures it was never trained on.

``python -m tests.benchmarks.models.quality MODEL...`` takes model folders, and folders of the reference's two
generators (``latest_net_G_A.pth`` and ``_B``). Measured is what ``cgtool convert`` shows at the model's default
settings.

- probe: share of translated test pictures that a linear probe takes for the target domain. Logistic regression on
  standardised features, fitted on trainA against trainB, both weighing the same.
- KID: to the real test pictures of the target domain, cubic kernel (x y / d + 1)^3, unbiased. Of the row ``real``: from
  the target's training pictures, which is what two sets of one domain come to.
- structure: correlation of luma's Sobel derivatives, source to translation; mean over pictures.
- cycle: mean absolute difference, in levels, between a picture and its translation there and back.
- rims, invented: what is left beside edges as a share of the mean change, and the share of pixels with a colour that
  neither the source has nearby nor the target's pictures have (see `cgtool.training.judge.change`).
- background, where the data have masks of objects (``maskA``, ``maskB``): mean absolute change outside of them, in
  levels. Only training pictures have masks: whatever ``--pictures`` says, it is measured on 60 of them, evenly spread
  over those whose mask shows an object and a background. Where a mask is soft, a pixel counts in part.
- E_warp: of the first frames of clips (``--clips``), shown / without smoothing; of the row ``identity``: of the source
  itself.

Features are EfficientNet-Lite0's, pooled after its last convolution (1280), of pictures at 224x224 that were all, real
ones too, encoded as JPEG of quality 95. Brackets hold 95% bootstrap intervals over the test pictures (of both sets, for
KID); the probe and the training pictures are not drawn anew.

To choose among the models of a training, look at ``--pictures train``: 60 of the training pictures of each domain stand
in for the test pictures, which then remain unseen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from cgtool.backends.table import ENGINES
from cgtool.media.images import StillImage, read_image, write_image
from cgtool.pictures import Image
from cgtool.training.judge.change import Palette, share_of_rims
from cgtool.training.judge.measures import (
    Figure,
    Vector,
    Vectors,
    bootstrap,
    difference,
    fit_probe,
    kid,
    mean,
    structure,
)
from tests.benchmarks.models.quality_background import masked_pictures
from tests.benchmarks.models.quality_features import Features
from tests.benchmarks.models.quality_models import Generator, Steadiness, domains_of, open_generators
from tests.tools.contact_sheet import contact_sheet

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CLIPS = "01,05,09"
SHEET_PICTURES, SHEET_COLUMNS = 24, 6
PALETTE_PICTURES = 200
STAND_INS = 60
"""Training pictures of each domain that stand in for test pictures."""

Pictures = Literal["test", "train"]


@dataclass(frozen=True)
class Row:
    """One line of the table; None where there is nothing to measure."""

    name: str
    target: str
    probe: Figure
    kid: Figure
    structure: Figure | None = None
    cycle: Figure | None = None
    rims: float | None = None
    invented: Figure | None = None
    background: Figure | None = None
    steadiness: Mapping[str, Steadiness] = field(default_factory=dict)


class Judge:
    """Knows the real pictures of both domains.

    Args:
        folder: Has ``trainA``, ``trainB``, ``testA`` and ``testB``; its name is ``A2B``, after the domains.
        features: Computes features.
        pictures: What is translated: the test pictures, or some of the training pictures.
    """

    def __init__(self, folder: Path, features: Features, pictures: Pictures = "test") -> None:
        a, b = self.domains = domains_in(folder)
        self.tests = {a: photographs(folder / f"{pictures}A"), b: photographs(folder / f"{pictures}B")}
        if pictures == "train":
            self.tests = {domain: some(photos, STAND_INS) for domain, photos in self.tests.items()}
        self._features = features
        real = {a: photographs(folder / "trainA"), b: photographs(folder / "trainB")}
        self._masked = {a: masked_pictures(folder / "trainA"), b: masked_pictures(folder / "trainB")}
        self._train = {domain: features(pictures) for domain, pictures in real.items()}
        self._test = {domain: features(pictures) for domain, pictures in self.tests.items()}
        self._probe = fit_probe(self._train[a], self._train[b])
        self._palettes = {domain: Palette.of(some(pictures, PALETTE_PICTURES)) for domain, pictures in real.items()}

    def source(self, target: str) -> str:
        """The other domain."""
        return self.domains[0] if target == self.domains[1] else self.domains[1]

    def real(self, target: str) -> Row:
        """What real pictures of a domain score."""
        test, train = self._test[target], self._train[target]
        return Row(f"real {target}", target, self._share(test, target), distance(train, test))

    def judge(
        self,
        name: str,
        target: str,
        translated: Sequence[Image],
        returned: Sequence[Image] | None,
        background: Figure | None,
        steadiness: Mapping[str, Steadiness],
    ) -> Row:
        """What translations of the other domain's test pictures score.

        Args:
            name, target: The row's.
            translated: In the order of ``tests``.
            returned: Their translations back; None if the model can't.
            background: See `background`.
            steadiness: By clip.
        """
        sources, features = self.tests[self.source(target)], self._features(translated)
        pairs = list(zip(sources, translated, strict=True))
        kept = np.array([structure(*pair) for pair in pairs])
        palette = self._palettes[target]
        cycle = returned and np.array([difference(*pair) for pair in zip(sources, returned, strict=True)])
        return Row(
            name,
            target,
            self._share(features, target),
            distance(features, self._test[target]),
            average(kept),
            None if cycle is None else average(np.asarray(cycle)),
            share_of_rims(pairs),
            average(np.array([palette.invented(*pair) for pair in pairs])),
            background,
            steadiness,
        )

    def background(self, target: str, translate: Callable[[Image], Image]) -> Figure | None:
        """How much a translation of the other domain's pictures changes outside of masks; None without masks."""
        masked = self._masked[self.source(target)]
        return None if masked is None else masked.change(translate)

    def _share(self, features: Vectors, target: str) -> Figure:
        taken = self._probe.takes_for_b(features)
        return average(taken if target == self.domains[1] else 1 - taken)


def average(values: Vector) -> Figure:
    """Mean of one value a picture."""
    return bootstrap(mean(values), len(values))


def distance(x: Vectors, y: Vectors) -> Figure:
    """KID of features."""
    return bootstrap(kid(x, y), len(x), len(y))


def photographs(folder: Path) -> list[Image]:
    """A folder's pictures, by name."""
    return [read_image(path).pixels for path in sorted(folder.iterdir())]


def some(pictures: Sequence[Image], count: int) -> list[Image]:
    """So many of the pictures, evenly spread."""
    return [pictures[i * len(pictures) // count] for i in range(min(count, len(pictures)))]


def domains_in(folder: Path) -> tuple[str, str]:
    """What the name of a data folder says."""
    a, _, b = folder.resolve().name.partition("2")
    return a, b


def main() -> None:
    """Judge every model, print a table for each direction."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--data", type=Path, help="folder of trainA and so on; default: by the model's domains")
    parser.add_argument("--pictures", choices=get_args(Pictures), default="test", help="what is translated")
    parser.add_argument("--clips", default=CLIPS, help="how the names of clips begin, with commas between")
    parser.add_argument("--clips-folder", type=Path, default=SHARED / "clips", help="where they are")
    parser.add_argument("--frames", type=int, default=60, help="frames of each clip; 0 leaves steadiness out")
    parser.add_argument("--raw", action="store_true", help="add rows for the networks' results without guided detail")
    parser.add_argument("--engine", choices=ENGINES, default="auto")
    parser.add_argument("--sheet", type=Path, help="FILE.png: contact sheets go to FILE.DOMAIN.png")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "cgtool-quality")
    arguments = parser.parse_args()
    arguments.clips = find_clips(arguments.clips_folder, arguments.clips) if arguments.frames else []
    features, rows = Features(arguments.cache), []
    for folder, models in by_data(arguments.models, arguments.data).items():
        rows += judge_models(Judge(folder, features, arguments.pictures), models, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


def by_data(models: Sequence[Path], data: Path | None) -> dict[Path, list[Path]]:
    """Models by the folder of data that they are judged on."""
    groups: dict[Path, list[Path]] = {}
    for path in models:
        domains = domains_of(path)
        folder = data or SHARED / "2".join(domains or ("summer", "winter"))
        if domains and set(domains) != set(domains_in(folder)):
            raise SystemExit(f"{path} is for {' and '.join(domains)}, which {folder} is not")
        groups.setdefault(folder, []).append(path)
    return groups


def judge_models(judge: Judge, models: Sequence[Path], arguments: argparse.Namespace) -> list[Row]:
    """Judge the models of one pair of domains; print their tables and write their sheets."""
    rows = []
    shown: dict[str, list[Sequence[Image]]] = {target: [judge.tests[judge.source(target)]] for target in judge.domains}
    for path in models:
        with ExitStack() as stack:
            generators = open_generators(path, judge.domains, arguments.engine, stack)
            for target, generator in generators.items():
                steadiness = {clip.stem: generator.steadiness(clip, arguments.frames) for clip in arguments.clips}
                for guided in (False, True) if arguments.raw else (True,):
                    name = path.resolve().name if guided else f"{path.resolve().name}, raw"
                    translated, returned = there_and_back(judge, target, generators, guided=guided)
                    background = judge.background(target, partial(generator.photograph, guided=guided))
                    of_clips = steadiness if guided else {}
                    rows.append(judge.judge(name, target, translated, returned, background, of_clips))
                shown[target].append(translated)
    tables = []
    for target in reversed(judge.domains):
        of_target = [row for row in rows if row.target == target]
        sources = judge.tests[judge.source(target)]
        background = judge.background(target, lambda picture: picture)
        identity = judge.judge("identity", target, sources, sources, background, unmoved(of_target))
        tables += [judge.real(target), identity, *of_target]
        print(f"\n{judge.source(target)} to {target}\n", *table(tables[-len(of_target) - 2 :]), sep="\n", flush=True)
        if arguments.sheet:
            path = arguments.sheet.with_suffix(f".{target}{arguments.sheet.suffix}")
            write_image(path, StillImage(sheet(shown[target])))
    return tables


def find_clips(folder: Path, beginnings: str) -> list[Path]:
    """Clips by how their names begin, with commas between."""
    found = {begin: sorted(folder.glob(f"{begin}*")) for begin in beginnings.split(",")}
    for begin, paths in found.items():
        if len(paths) != 1:
            raise SystemExit(f"{folder}: {len(paths)} clips' names begin with {begin!r}")
    return [path for paths in found.values() for path in paths]


def there_and_back(
    judge: Judge, target: str, generators: Mapping[str, Generator], *, guided: bool
) -> tuple[list[Image], list[Image] | None]:
    """Translations of the test pictures, and their translations back if the model has that direction."""
    source = judge.source(target)
    translated = [generators[target].photograph(picture, guided=guided) for picture in judge.tests[source]]
    if source not in generators:
        return translated, None
    return translated, [generators[source].photograph(picture, guided=guided) for picture in translated]


def unmoved(rows: Sequence[Row]) -> dict[str, Steadiness]:
    """The sources' own steadiness, which measuring any translation has told."""
    measured = next((row.steadiness for row in rows if row.steadiness), {})
    return {clip: Steadiness(own.source, own.source, own.source) for clip, own in measured.items()}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows in Markdown."""
    clips = next((list(row.steadiness) for row in rows if row.steadiness), [])
    masked = any(row.background for row in rows)
    heads = [
        "",
        "probe",
        "KID x1e3",
        "structure",
        "cycle",
        "rims",
        "invented %",
        *(["background"] if masked else []),
        *(f"E_warp {clip[:2]} x1e5" for clip in clips),
    ]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        figures = [text(row.probe), text(row.kid, 1e3, 1), text(row.structure, 1, 3), text(row.cycle, 1, 1)]
        figures += ["" if row.rims is None else f"{row.rims:.3f}", text(row.invented, 100)]
        figures += [text(row.background, 1, 1)] if masked else []
        yield f"| {' | '.join([row.name, *figures, *(steady(row.steadiness.get(clip)) for clip in clips)])} |"


def text(figure: Figure | None, factor: float = 1, digits: int = 2) -> str:
    """A figure with its interval."""
    if figure is None:
        return ""
    value, low, high = (f"{number * factor:.{digits}f}" for number in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"


def steady(steadiness: Steadiness | None) -> str:
    """E_warp shown / without smoothing; one figure where they are the same."""
    if steadiness is None:
        return ""
    numbers = ("none" if e is None else f"{e * 1e5:.1f}" for e in (steadiness.shown, steadiness.unsmoothed))
    return " / ".join(dict.fromkeys(numbers))


def sheet(sets: Sequence[Sequence[Image]]) -> Image:
    """The first pictures of sets that correspond, each set's below the one before."""
    cells = [np.vstack(pictures) for pictures in zip(*(pictures[:SHEET_PICTURES] for pictures in sets), strict=True)]
    rows = [cells[i : i + SHEET_COLUMNS] for i in range(0, len(cells), SHEET_COLUMNS)]
    return contact_sheet(rows, cell_width=cells[0].shape[1])


if __name__ == "__main__":
    main()
