"""From what the user names to a list of files to make: inputs, outputs, and clashes found before any work begins."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cgtool.errors import CgtoolError, MediaError, UsageError
from cgtool.media.containers import CONTAINERS, VIDEO_SUFFIXES
from cgtool.media.images import IMAGE_SUFFIXES, UNREAD_SUFFIXES, WRITABLE_SUFFIXES

STDIO = "-"
_OF_INTEREST = VIDEO_SUFFIXES | IMAGE_SUFFIXES | frozenset(UNREAD_SUFFIXES)


@dataclass(frozen=True)
class Job:
    """One file to make.

    Attributes:
        source: The input; None for standard input.
        target: The output; None for standard output.
        error: Why this job can't even begin (the input is missing, say); it is reported in its turn.
        is_result: The input is the result of an earlier run, lying beside its source: there is nothing to do.
        passed_over: Why a file that was come upon in a directory is left alone; it is told, and is no failure.
    """

    source: Path | None
    target: Path | None
    error: CgtoolError | None = None
    is_result: bool = False
    passed_over: str | None = None

    @property
    def source_name(self) -> str:
        """The input as the user would write it."""
        return STDIO if self.source is None else str(self.source)

    @property
    def target_name(self) -> str | None:
        """The output as the user would write it; None where the job has none."""
        if self.target is None and (self.error is not None or self.passed_over is not None):
            return None
        return STDIO if self.target is None else str(self.target)

    @property
    def is_image(self) -> bool:
        """Whether the input is taken for a still image."""
        return self.source is None or self.source.suffix.lower() in IMAGE_SUFFIXES


def plan(
    inputs: Sequence[str], output: str | None, label: str, *, recursive: bool = True, skip_existing: bool = False
) -> list[Job]:
    """Lay out a batch.

    Args:
        inputs: Files, glob patterns, directories, or ``-`` for an image on standard input.
        output: ``-o``: a file for a single file, else a directory; None for names beside the inputs.
        label: The target domain, for default names: ``summer.mp4`` becomes ``summer.LABEL.mp4``.
        recursive: Search directories below the ones named.
        skip_existing: Results of earlier runs are known by their names and left alone, even when named as inputs.

    Raises:
        UsageError: Two inputs would become one output, an output would replace an input, a suffix is unknown, or
            ``-`` is combined with other inputs.
    """
    if STDIO in inputs:
        return [_stdin_job(inputs, output)]
    if output == STDIO:
        if len(inputs) != 1 or _is_folder(Path(inputs[0])) or not is_image_name(inputs[0]):
            raise UsageError("-o - writes one still image: give one image as INPUT")
        return [Job(Path(inputs[0]), None)]
    found = _jobs(inputs, None if output is None else Path(output), output, label, recursive)
    jobs = [_named_too_long(job) for job in _told_apart(found)]
    if output is None:
        jobs = _mark_results(jobs, label, skip_existing)
    _refuse_clashes(jobs)
    return jobs


def plan_folder(root: Path, output: Path, *, recursive: bool = True) -> list[Job]:
    """What a folder that others write into holds now; a clash is the error of one job, and does not stop the others.

    Args:
        root: The folder.
        output: The folder of the results.
        recursive: Search folders below.
    """
    taken: dict[Path, Path | None] = {}
    jobs = []
    for job in _directory_jobs(root, output, "", recursive, several=False):
        if job.target is None:  # nothing is there yet, or it can't be read
            continue
        first = taken.setdefault(job.target.resolve(), job.source)
        clash = UsageError(f"would become {job.target}, as {first} does", path=job.source)
        jobs.append(job if first == job.source else Job(job.source, None, clash))
    return jobs


def is_image_name(name: str | Path) -> bool:
    """Whether a file of this name is taken for a still image."""
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def _is_folder(path: Path) -> bool:
    """Whether there is a folder; there is none under a name that is too long."""
    return _is_there(path) and path.is_dir()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _stdin_job(inputs: Sequence[str], output: str | None) -> Job:
    if len(inputs) > 1:
        raise UsageError("- (standard input) can't be combined with other inputs")
    if output is None or output == STDIO:
        return Job(None, None)
    if not is_image_name(output):
        raise UsageError(f"standard input is read as a still image, so -o {output} must be one too")
    return Job(None, Path(output))


def _jobs(
    inputs: Sequence[str], output: Path | None, written: str | None, label: str, recursive: bool
) -> Iterator[Job]:
    roots = [Path(name) for name in inputs if _is_folder(Path(name))]
    if output is not None and not _is_folder(output) and output.suffix.lower() in {*CONTAINERS, *WRITABLE_SUFFIXES}:
        named = [file for name in inputs for file in _expand(name)]
        if (roots or len(named) > 1) and not (written or "").endswith(("/", "\\")):
            several = f"{roots[0]} is a folder" if roots else f"there are {len(named)} inputs"
            raise UsageError(
                f"-o {output} names a file, but {several}", hint="-o is a folder for several inputs: end it in /"
            )
    for name in inputs:
        path = Path(name)
        if _is_folder(path):
            yield from _directory_jobs(path, output, label, recursive, several=len(roots) > 1)
            continue
        files = _expand(name)
        if not files:
            problem = "matches no file" if glob.has_magic(name) else "no such file"
            yield Job(path, None, MediaError(problem, path=name))
            continue
        single = len(inputs) == 1 and len(files) == 1
        for file in files:
            refused = _refused(file)
            if refused is None:
                yield _file_job(file, output, written, label, single=single)
            else:
                yield Job(file, None, refused)


def _expand(name: str) -> list[Path]:
    if _is_there(Path(name)) or not glob.has_magic(name):
        return [Path(name)] if _is_there(Path(name)) else []
    found = (Path(match) for match in sorted(glob.glob(name, recursive=True)))  # noqa: PTH207 - Path.glob takes no absolute one
    return [path for path in found if path.is_file()]


def _file_job(file: Path, output: Path | None, written: str | None, label: str, *, single: bool) -> Job:
    suffix = output_suffix(file)
    if output is None:
        return Job(file, file.with_name(f"{file.stem}.{label}{suffix}"))
    is_directory = _is_folder(output) or (written or "").endswith(("/", "\\")) or not single
    if is_directory:
        return Job(file, output / f"{file.stem}{suffix}")
    known = WRITABLE_SUFFIXES if is_image_name(file) else CONTAINERS
    if output.suffix.lower() not in known:
        kind = "a still image" if is_image_name(file) else "a video"
        raise UsageError(f"{file} is {kind}, so -o {output} must end in one of {' '.join(sorted(known))}")
    return Job(file, output)


def _directory_jobs(root: Path, output: Path | None, label: str, recursive: bool, *, several: bool) -> Iterator[Job]:
    if output is None:
        resolved = root.resolve()
        target = (
            root.parent / f"{resolved.name}.{label}" if root.name else resolved.with_name(f"{resolved.name}.{label}")
        )
    else:
        target = output / root.resolve().name if several else output
    found = False
    for file in _media_files(root, recursive):
        if target.resolve() in file.resolve().parents and target.resolve() != root.resolve():
            continue  # an output folder inside the input folder holds results, not inputs
        unread = _unread(file) if file.is_file() else "a link that leads nowhere"
        if unread is not None:
            yield Job(file, None, passed_over=unread)
            continue
        found = True
        relative = file.relative_to(root)
        yield Job(file, target / relative.with_name(f"{file.stem}{output_suffix(file)}"))
    if not found:
        yield Job(root, None, MediaError("holds no video or image", path=root))


def _media_files(root: Path, recursive: bool) -> Iterable[Path]:
    for path in sorted(_files(root, recursive)):
        there = path.is_file() or (path.is_symlink() and not path.exists())
        if there and not path.name.startswith(".") and path.suffix.lower() in _OF_INTEREST:
            yield path


def _files(root: Path, recursive: bool) -> Iterator[Path]:
    """Every file below a directory, links to directories followed: each directory once, so that loops end."""
    seen: set[tuple[int, int]] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (folder / file for file in files)
        # Links last: a directory is met where it lies, before any link to it from the same one.
        visible = [one for one in folders if recursive and not one.startswith(".")]
        folders[:] = sorted(visible, key=lambda one: ((folder / one).is_symlink(), one))


def _refused(file: Path) -> MediaError | None:
    """Why a file that was named can't be converted, as far as can be told without reading it."""
    unread = _unread(file)
    if unread is not None:
        return MediaError(unread, path=file, hint="Save it as PNG, JPEG or TIFF first")
    if not is_image_name(file) and not file.is_file():
        kind = "a pipe, which can be read only once" if file.is_fifo() else "a device or a socket, and no file"
        return MediaError(kind, path=file, hint="Save what it gives in a file, and convert that")
    return None


def _named_too_long(job: Job) -> Job:
    """The job, or its failure where the file system does not take the result's name."""
    if job.target is None:
        return job
    there = next((folder for folder in job.target.absolute().parents if _is_folder(folder)), Path.cwd())
    try:
        longest = os.pathconf(there, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        longest = 255
    length = max(len(os.fsencode(part)) for part in job.target.parts)
    if length <= longest:
        return job
    problem = f"its result's name would have {length} bytes, more than the {longest} that can be"
    return Job(job.source, None, MediaError(problem, path=job.source, hint="Give a shorter name with -o"))


def _unread(file: Path) -> str | None:
    """Why a picture is not read; None if it is, or is none."""
    kind = UNREAD_SUFFIXES.get(file.suffix.lower())
    return None if kind is None else f"{kind}, which cgtool does not read"


def output_suffix(source: Path) -> str:
    """The default suffix of a result: the source's own, or ``.mp4`` or ``.jpg`` where that can only be read."""
    suffix = source.suffix.lower()
    if suffix in CONTAINERS or suffix in WRITABLE_SUFFIXES:
        return source.suffix
    return ".jpg" if suffix in IMAGE_SUFFIXES else ".mp4"


def _told_apart(jobs: Iterable[Job]) -> list[Job]:
    """Give results names of their own where inputs differ in nothing but their suffix: v.ts beside v.mp4.

    The one that has the result's suffix keeps its name. The other's has its own suffix within: ``v.ts.winter.mp4``.
    """
    jobs = list(jobs)
    counts = Counter(job.target for job in jobs if job.target is not None)

    def apart(job: Job) -> Job:
        if job.source is None or job.target is None or counts[job.target] < 2:
            return job
        if job.source.suffix == job.target.suffix:
            return job
        ending = job.target.name.removeprefix(job.source.stem)
        return replace(job, target=job.target.with_name(f"{job.source.name}{ending}"))

    return [apart(job) for job in jobs]


def _mark_results(jobs: Sequence[Job], label: str, skip_existing: bool) -> list[Job]:
    """Find the inputs that are results, so that ``cgtool convert *.mp4`` can be run twice."""
    targets = {job.target for job in jobs if job.source != job.target}

    def is_result(job: Job) -> bool:
        if job.source is None:
            return False
        stem, ending = job.source.stem, f".{label}"
        if not stem.endswith(ending):
            return False
        pattern = f"{glob.escape(stem.removesuffix(ending))}.*"
        return job.source in targets or (
            skip_existing
            and (
                any(path != job.source for path in job.source.parent.glob(pattern))
                or job.source.with_name(stem.removesuffix(ending)).is_file()  # of one that was told apart
            )
        )

    return [replace(job, is_result=True) if is_result(job) else job for job in jobs]


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    sources = {job.source.resolve(): job.source for job in jobs if job.source is not None and not job.is_result}
    targets: dict[Path, Path | None] = {}
    for job in jobs:
        if job.target is None or job.is_result:
            continue
        target = job.target.resolve()
        if target in sources:
            raise UsageError(f"{job.target} would be written over the input {sources[target]}; choose another -o")
        if target in targets:
            raise UsageError(f"{targets[target]} and {job.source} would both become {job.target}; choose another -o")
        targets[target] = job.source
