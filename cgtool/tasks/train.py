"""Train a model: images in, a run folder with all that one may want to see, and a model folder for conversion out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from cgtool.backends import machine
from cgtool.errors import Terminated, UsageError
from cgtool.models.folder import read_model_folder
from cgtool.models.names import check_names
from cgtool.training.config import TrainConfig
from cgtool.training.data.batches import Batches
from cgtool.training.data.check import DataCheck, look_at_data
from cgtool.training.data.images import spread
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.loggers import DEFAULT_LOGGERS, check_loggers
from cgtool.training.files.warmstart import check_save_init, model_as_init, save_init
from cgtool.training.judge import features
from cgtool.training.judge.judge import LEAST_TESTS, Judge
from cgtool.training.judge.judgement import Judgement
from cgtool.training.loop import Action, Loop, Progress
from cgtool.training.outputs import Outputs
from cgtool.training.parallel import join
from cgtool.training.parts.colours import palette
from cgtool.training.record import DomainRecord, Init, RunRecord
from cgtool.training.resume import resume
from cgtool.training.state import TrainState

__all__ = ["Event", "Finished", "Prepared", "Progress", "TrainRequest", "train"]


@dataclass(frozen=True)
class TrainRequest:
    """A training as it was asked for.

    Attributes:
        name: Of the run and of the model.
        domains: (A, B), as ``convert --to`` will call them.
        folders: The training images of A and of B.
        config: All that determines the result.
        test_folders: Images of A and of B that are translated into samples; where missing, training images are.
        runs_dir: Holds the run's folder.
        engines_dir: Holds the model's folder.
        workers: Threads that decode images.
        checkpoint_every: Steps between checkpoints.
        keep: Checkpoints that remain.
        sample_every: Steps between samples.
        export_every: Steps between model folders, which stay in the run's folder; 0 writes one at the end alone.
        judge_every: Steps between judgements on test pictures; None: ten in all, where there are enough; 0: none.
        keep_best: The model is the best that was judged, not the last.
        stop_after: Stop after this step as an interruption would.
        init: Warm start to begin a new run with.
        save_init: Where a warm start is written when the training ends or stops.
        allow_change: Go on even where that is not exact.
        logger: Names of the loggers that are told of the metrics, besides `metrics.jsonl`.
        synonyms: Other names of the domains, by domain, for ``convert --to``.
        command: How it was asked for, to be recorded.
    """

    name: str
    domains: tuple[str, str]
    folders: tuple[Path, Path]
    config: TrainConfig
    test_folders: tuple[Path, Path] | None = None
    runs_dir: Path = Path("runs")
    engines_dir: Path = Path("engines")
    workers: int = 2
    checkpoint_every: int = 500
    keep: int = 3
    sample_every: int = 500
    export_every: int = 0
    judge_every: int | None = None
    keep_best: bool = True
    stop_after: int | None = None
    init: Path | None = None
    save_init: Path | None = None
    allow_change: bool = False
    logger: tuple[str, ...] = DEFAULT_LOGGERS
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    command: str | None = None

    @property
    def run_folder(self) -> Path:
        """Where all but the model goes."""
        return self.runs_dir / self.name

    @property
    def model_folder(self) -> Path:
        """Where the model goes."""
        return self.engines_dir / self.name


@dataclass(frozen=True)
class Looking:
    """All images are about to be decoded once.

    Attributes:
        folders: Where they are; those of tests may be missing.
    """

    folders: tuple[Path, ...]


@dataclass(frozen=True)
class Prepared:
    """Training is about to begin or to go on.

    Attributes:
        run_folder: Where to look.
        data: The images at a glance.
        device: Where it computes.
        precision: The arithmetic of the convolutions.
        processes: How many train together.
        step: Steps done before.
        total_steps: When it will be done.
        warnings: What the user should know.
    """

    run_folder: Path
    data: DataCheck
    device: str
    precision: str
    processes: int
    step: int
    total_steps: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """Training is done, or has stopped where ``stop_after`` said.

    Attributes:
        step: Steps done.
        model_folder: The model; None if training stopped before its end.
        report: The run's page.
        warnings: What the user should know.
    """

    step: int
    model_folder: Path | None
    report: Path
    warnings: tuple[str, ...]


_JUDGEMENTS = 10
"""In a training, unless told otherwise."""
_FEATURES_HINT = "Run: pip install 'cgtool[projected]'"
_PALETTE = 100, 128
"""Images, and their short side in pixels, by which it is told how colourful a domain is."""

Event = Looking | Prepared | Progress | Judgement | Finished


def train(request: TrainRequest) -> Iterator[Event]:
    """Train, or go on where the run of this name was.

    Yields:
        `Looking`, `Prepared`, then the progress, then `Finished`; in a process that is not the main one, nothing.

    Raises:
        UsageError: The images, the names or the folders won't do, a package is missing, or a change would not be exact.
        ModelError: A checkpoint or warm start is damaged or of another architecture.
        CgtoolError: The training diverged, or a file can no longer be read or written.
        KeyboardInterrupt: SIGINT; all is saved.
        Terminated: SIGTERM; all is saved.
    """
    check_names(request.name, request.domains, request.synonyms)
    check_loggers(request.logger)
    if request.save_init is not None:
        check_save_init(request.save_init)
    if request.config.objective.learn != "both" and request.init is None:
        raise UsageError(
            f"--learn {request.config.objective.learn} leaves the other generator as it began: it would know nothing",
            hint="Add --init MODEL, which knows the other direction, or leave --learn out",
        )
    teacher = _teacher(request)
    with closing(join(request.config.device)) as world:
        if world.is_main:
            yield Looking((*request.folders, *(request.test_folders or ())))
        data = look_at_data(
            request.folders, request.domains, request.test_folders, request.workers, masks=request.config.masks
        )
        a, b = data.train
        palettes = None
        if request.config.objective.colour_weight:
            palettes = palette(spread(a, *_PALETTE)), palette(spread(b, *_PALETTE))
        state = TrainState(request.config, world, palettes)
        config = state.config
        steps_per_epoch = -(-max(len(a), len(b)) // state.images_per_step)
        record = RunRecord(
            name=request.name,
            domains=request.domains,
            config=config,
            data=(DomainRecord.of(a), DomainRecord.of(b)),
            total_steps=config.steps or config.epochs * steps_per_epoch,
            processes=world.size,
            teacher=teacher,
            synonyms=request.synonyms,
            command=request.command,
            hardware=f"{world.size} x {machine.cuda_devices()[world.device.index or 0]}"
            if world.device.type == "cuda"
            else f"{machine.usable_cpus()} x {machine.cpu_name()}",
        )
        checkpoints = Checkpoints(request.run_folder / "checkpoints", request.keep)
        record, warnings = resume(state, record, checkpoints, init=request.init, allow_change=request.allow_change)
        world.barrier()  # all have read the folder before one writes to it
        judge = _judge(request, data, state)
        if judge is not None and not features.available():
            warnings.append(f"judged without probe and KID, so that the last model is kept: {_FEATURES_HINT}")
        for event in _train(request, state, record, checkpoints, data, judge, warnings):
            if world.is_main:
                yield event


def _teacher(request: TrainRequest) -> Init | None:
    """The model to imitate; one of other domains is refused, and one that this training would replace."""
    if request.config.objective.distill is None:
        return None
    folder = Path(request.config.objective.distill)
    model = read_model_folder(folder)
    if model.domains != request.domains:
        words = f"moves between {' and '.join(model.domains)}, not {' and '.join(request.domains)}"
        raise UsageError(words, path=folder, hint=f"Give --domains {','.join(model.domains)}, or another --distill")
    if folder.resolve() == request.model_folder.resolve():
        raise UsageError("can't be imitated by what replaces it", path=folder, hint="Give another --name")
    return model_as_init(model)


def _judge(request: TrainRequest, data: DataCheck, state: TrainState) -> Judge | None:
    """Who judges; None if nobody shall, or there are too few test pictures and nobody asked."""
    if request.judge_every == 0 or not state.world.is_main:
        return None
    a, b = data.tests
    if min(len(a), len(b)) < LEAST_TESTS:
        if request.judge_every is not None:
            raise UsageError(
                f"judging needs {LEAST_TESTS} test pictures of each domain, and there are {len(a)} and {len(b)}",
                hint="Put some into testA and testB beside trainA and trainB, or leave --judge-every out",
            )
        return None
    return Judge(data.train, (a.paths, b.paths), state.config, state.world.device)


def _train(
    request: TrainRequest,
    state: TrainState,
    record: RunRecord,
    checkpoints: Checkpoints,
    data: DataCheck,
    judge: Judge | None,
    warnings: Sequence[str],
) -> Iterator[Event]:
    config, world = state.config, state.world
    with ExitStack() as stack:
        outputs, actions = None, []
        if world.is_main:
            outputs = Outputs(
                request.run_folder,
                request.model_folder,
                record,
                state,
                data,
                judge=judge,
                keep_best=request.keep_best,
                loggers=request.logger,
            )
            stack.enter_context(outputs)
            seldom = max(1, record.total_steps // _JUDGEMENTS)
            actions = [
                Action(seldom if request.judge_every is None else request.judge_every, outputs.judge),
                Action(request.sample_every, outputs.sample),
                Action(request.export_every, outputs.export),
            ]
        batches = Batches(
            *data.train, config, first=state.images, rank=world.rank, world=world.size, workers=request.workers
        )
        stack.enter_context(batches)
        loop = Loop(
            state,
            batches,
            record,
            checkpoints=checkpoints,
            checkpoint_every=request.checkpoint_every,
            log=None if outputs is None else outputs.log,
            actions=actions,
        )
        yield Prepared(
            run_folder=request.run_folder,
            data=data,
            device=str(world.device),
            precision=config.precision,
            processes=world.size,
            step=state.step,
            total_steps=record.total_steps,
            warnings=(*data.warnings, *warnings),
        )
        stopped: BaseException | None = None
        try:
            yield from loop.run(request.stop_after)
        except (KeyboardInterrupt, Terminated) as error:
            stopped = error
        if outputs is not None:
            outputs.write_report()
            if request.save_init is not None:
                save_init(request.save_init, state, outputs.provenance())
        if stopped is not None:
            raise stopped
        if outputs is not None:
            done = state.step >= record.total_steps
            model = request.model_folder if done else None
            yield Finished(state.step, model, outputs.report, tuple(outputs.warnings))
