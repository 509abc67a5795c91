"""Looking up models: the folders to search, and the model that ``--to`` and ``--model`` mean. Imports no framework."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cgtool
from cgtool.config import Direction
from cgtool.errors import ModelError, UsageError
from cgtool.models.folder import MODEL_FILE, ModelFolder, read_model_folder
from cgtool.models.names import folded


@dataclass(frozen=True)
class Choice:
    """A generator, picked by ``--to`` and ``--model``.

    Attributes:
        folder: The model.
        direction: Which of its generators.
        target: The domain that it leads to, as the model spells it.
    """

    folder: ModelFolder
    direction: Direction
    target: str

    @property
    def synonyms(self) -> list[str]:
        """Other names of the target, folded."""
        return [folded(word) for word in self.folder.synonyms.get(self.target, ())]


def default_engines_dir(engines_dir: Path | None) -> Path:
    """Folder for new models: ``--engines-dir``, else ``$CGTOOL_ENGINES``, else ``./engines``. It may not exist yet."""
    return engines_dir or Path(os.environ.get("CGTOOL_ENGINES") or "engines")


def search_path(engines_dir: Path | None) -> list[Path]:
    """Folders in which models are looked up, first to last, each once, as far as they exist.

    They are ``--engines-dir``, ``$CGTOOL_ENGINES``, ``./engines``, and the models that ship with cgtool.

    Raises:
        UsageError: ``engines_dir`` is given but is no folder.
    """
    if engines_dir is not None and not engines_dir.is_dir():
        raise UsageError(f"--engines-dir {engines_dir} is no folder", hint="Give the folder that holds model folders.")
    package = Path(cgtool.__file__).parent
    # A wheel carries the models inside the package; beside an installed package, any "engines" is someone else's.
    shipped = package.parent / "engines" if (package.parent / "pyproject.toml").is_file() else package / "_engines"
    # Relative and absolute spellings of one folder count once: the order is of the first time that it comes up.
    candidates = [default_engines_dir(engines_dir), default_engines_dir(None), Path("engines"), shipped]
    found: dict[Path, Path] = {}
    for path in candidates:
        if path.is_dir():
            found.setdefault(path.resolve(), path)
    return list(found.values())


def find_models(engines_dir: Path | None) -> tuple[list[ModelFolder], list[ModelError]]:
    """All models of the search path, and what is wrong with the folders that can't be used.

    The first model of a name hides later ones. Folders without a `model.json` are no models and no problem.

    Raises:
        UsageError: ``engines_dir`` is given but is no folder.
    """
    models: dict[str, ModelFolder] = {}
    problems: list[ModelError] = []
    for place in search_path(engines_dir):
        for file in sorted(place.glob(f"[!.]*/{MODEL_FILE}")):
            try:
                model = read_model_folder(file.parent)
            except ModelError as error:
                problems.append(error)
            else:
                models.setdefault(model.name, model)
    return list(models.values()), problems


def resolve(to: str | None, model: str | None, engines_dir: Path | None) -> Choice:
    """Pick a generator by what was asked for.

    Args:
        to: The target domain or a synonym, in any case; None where the model leads to one domain only.
        model: A model's name, or else the path of a model folder; None for the first one that leads to ``to``.
        engines_dir: See `search_path`.

    Raises:
        UsageError: No model has this name or domain, or ``to`` is needed and not given.
        ModelError: ``model`` is the path of a damaged model folder.
    """
    if model is None:
        models, problems = find_models(engines_dir)
    else:
        models, problems = [named(model, engines_dir)], []
    choices = [Choice(m, direction, m.target(direction)) for m in models for direction in m.directions]
    if to is None:
        wanted = choices if model is not None and len(choices) == 1 else []
        problem = "the domain to convert to is not given"
    else:
        wanted = [choice for choice in choices if folded(choice.target) == folded(to)]
        wanted = wanted or [choice for choice in choices if folded(to) in choice.synonyms]
        problem = f"no model leads to {to!r}" if model is None else f"model {model} does not lead to {to!r}"
    if not wanted:
        known = ", ".join(dict.fromkeys(choice.target for choice in choices)) or "none"
        damaged = "".join(f" Passed over {damage}" for damage in problems)
        raise UsageError(problem, hint=f"Known domains: {known}.{damaged}")
    return wanted[0]


def named(model: str, engines_dir: Path | None) -> ModelFolder:
    """The model of a name, or else the model folder at a path.

    Raises:
        UsageError: There is none.
        ModelError: It is damaged.
    """
    models, problems = find_models(engines_dir)
    for candidate in models:
        if candidate.name == model:
            return candidate
    if Path(model).is_dir():
        return read_model_folder(Path(model))
    for problem in problems:
        damaged = Path(problem.path or "")
        if model in (damaged.name, damaged.parent.name):
            raise problem
    known = ", ".join(candidate.name for candidate in models) or "none"
    raise UsageError(f"no model or model folder is called {model!r}", hint=f"Known models: {known}.")
