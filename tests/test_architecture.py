"""The layers of the package, read off its imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cgtool

PACKAGE = Path(cgtool.__file__).parent
# Who may import whom, besides its own folder.
BASE = {"config", "frame", "errors", "extras", "files", "grid", "openvino_core", "pictures"}
LOWER = {"models", "backends", "media", "change"}
ALLOWED = {
    "__init__": {"api"},
    "__main__": {"cli"},
    "api": {"tasks", "conversion", "training", *LOWER, *BASE},
    "cli": {"tasks", "conversion", "training", *LOWER, *BASE},
    "tasks": {"conversion", "training", "pipeline", *LOWER, *BASE},
    "conversion": {"pipeline", *LOWER, *BASE},
    "training": {"models", "media", "change", *BASE},
    "pipeline": BASE,
    "models": BASE,
    "backends": BASE,
    "media": BASE,
    "change": BASE,
    "config": set(),
    "frame": {"pictures"},
    "openvino_core": {"errors"},
    "files": set(),
    "grid": {"pictures"},
    "pictures": set(),
    "errors": set(),
    "extras": {"errors"},
}
# Libraries that only one place may import.
OWNERS = {
    "click": {"cli"},
    "rich": {"cli"},
    "av": {"media"},
    "imageio_ffmpeg": {"media"},
    "PIL": {"media", "training", "tasks"},
    "openvino": {"backends", "change", "openvino_core"},
    "tensorrt": {"backends"},
    "safetensors": {"models", "tasks", "training"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        yield (relative.parts[0] if len(relative.parts) > 1 else relative.stem), path


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module's dotted name, and whether only the type checker imports it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield name, id(node) in typing_only


def violations(layer: str, path: Path) -> Iterator[str]:
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] == "cgtool" and len(parts) > 1 and parts[1] != "__version__":
            if parts[1] != layer and parts[1] not in ALLOWED[layer]:
                yield f"{path.relative_to(PACKAGE)} imports {name}"
        elif parts[0] in OWNERS and layer not in OWNERS[parts[0]]:
            yield f"{path.relative_to(PACKAGE)} imports {name}"


def test_imports_point_down() -> None:
    found = [violation for layer, path in modules() for violation in violations(layer, path)]
    assert found == []


def test_the_test_sees_a_violation(tmp_path: Path) -> None:
    module = PACKAGE / "media" / "reader.py"
    assert list(violations("backends", module)), "a backend that imported what the reader does would pass"


def test_every_module_has_a_test_file_of_its_own_name() -> None:
    tests = Path(__file__).parent
    for _, path in modules():
        relative = path.relative_to(PACKAGE)
        if relative.name not in ("__init__.py", "__main__.py"):
            assert (tests / relative.parent / f"test_{relative.name}").is_file()


def test_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for _, path in modules():
        name = ".".join(["cgtool", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        graph[name] = {imported for imported, typing_only in imports(path) if not typing_only}
    for name, imported in graph.items():
        # `from package.module import thing`: the edge leads to the module.
        graph[name] = {m for i in imported for m in (i, i.rpartition(".")[0]) if m in graph and m != name}
    visited: dict[str, bool] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if visited.get(name):
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        visited[name] = True

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import cgtool", {"torch", "cv2", "av", "numpy", "rich", "openvino", "click", "cgtool.api"}),
        ("import cgtool.cli.app", {"torch", "cv2", "av", "numpy", "rich", "openvino"}),
        ("import cgtool.tasks.convert, cgtool.conversion.model, cgtool.tasks.models", {"torch", "openvino"}),
        ("import cgtool.cli.convert, cgtool.cli.models", {"torch", "cv2", "av", "numpy"}),
        ("import cgtool.cli.train", {"torch", "cv2", "av", "numpy"}),
    ],
)
def test_what_is_not_imported(statement: str, forbidden: set[str]) -> None:
    code = f"{statement}; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert forbidden.isdisjoint(loaded)
