"""What TensorRT's real Python bindings offer, read where its libraries can't be installed.

The wheel ``tensorrt-cu13-bindings`` holds the bindings alone. Over libraries that do nothing (``stub.c``) they import,
and every class, member and signature can be read off them.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STUB = Path(__file__).with_name("stub.c")
LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")

# Runs in a process of its own: the libraries are found through its environment.
DESCRIBE = """
import importlib, inspect, json, sys
package, core = sys.argv[1:]
trt = importlib.import_module(package)
core = getattr(trt, core)

def member(owner, name):
    value = inspect.getattr_static(owner, name)
    if inspect.isclass(value):
        return {"kind": "class", "type": value.__qualname__}
    if isinstance(value, property):
        return {"kind": "property", "writable": value.fset is not None, "doc": value.fget.__doc__ or ""}
    if type(value).__module__ == core.__name__:
        return {"kind": "value", "type": type(value).__qualname__}
    if callable(value) or isinstance(value, (staticmethod, classmethod)):
        return {"kind": "method", "doc": getattr(owner, name).__doc__ or ""}
    return {"kind": "other"}

def members(owner):
    return {name: member(owner, name) for name in dir(owner) if name == "__init__" or not name.startswith("__")}

classes = {}
def add(value):
    if value.__qualname__ in classes:
        return
    enum = hasattr(value, "__members__")
    classes[value.__qualname__] = {
        "enum": enum, "bases": [base.__qualname__ for base in value.__mro__], "members": members(value)
    }
    for name in dir(value):
        if not name.startswith("_") and inspect.isclass(getattr(value, name)):
            add(getattr(value, name))

for name, value in vars(core).items():
    if inspect.isclass(value):
        add(value)
module = {name: member(core, name) for name in dir(core) if not name.startswith("_")}
module["__version__"] = {"kind": "other"}
print(json.dumps({"version": trt.__version__, "module": module, "classes": classes}))
"""


@dataclass(frozen=True)
class Signature:
    """A call's parameters without ``self``, as pybind writes them into docstrings.

    Attributes:
        parameters: (name, type, whether it may be left out).
        returns: The result's type as the bindings' names say it; empty for Python's own types.
    """

    parameters: tuple[tuple[str, str, bool], ...]
    returns: str


@dataclass(frozen=True)
class Member:
    """An attribute of a class or of the module.

    Attributes:
        kind: ``class``, ``property``, ``method``, ``value`` (of an enumeration) or ``other``.
        type: Of a class, a value or a property; empty for Python's own types.
        writable: Whether a property can be set.
        signatures: Of a method: one for each overload.
    """

    kind: str
    type: str
    writable: bool
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Class:
    enum: bool
    bases: tuple[str, ...]
    members: dict[str, Member]


@dataclass(frozen=True)
class Bindings:
    version: str
    module: dict[str, Member]
    classes: dict[str, Class]

    def fits(self, signature: Signature, given: Mapping[int | str, str]) -> bool:
        """Whether a call has the right number of arguments, names that exist and, where both are known, types."""
        places: dict[int | str, tuple[str, str, bool]] = dict(enumerate(signature.parameters))
        places.update((entry[0], entry) for entry in signature.parameters)
        if not all(key in places and self.is_a(type_, places[key][1]) for key, type_ in given.items()):
            return False
        taken = [places[key][0] for key in given]
        needed = {name for name, _, optional in signature.parameters if not optional}
        return len(set(taken)) == len(taken) and needed <= set(taken)

    def is_a(self, type_: str, wanted: str) -> bool:
        type_ = type_.removeprefix("enum ")
        bases = self.classes[type_].bases if type_ in self.classes else ()
        return not type_ or not wanted or wanted == "Dims" or wanted in bases


def build_libraries(folder: Path) -> None:
    """Compile libraries that do nothing, under the names that those of TensorRT 10 and 11 have."""
    for library, major in itertools.product(LIBRARIES, (10, 11)):
        name = f"{library}.so.{major}"
        subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", folder / name, STUB], check=True)


def read_bindings(folder: Path, package: str = "tensorrt_bindings", core: str = "tensorrt") -> Bindings:
    """Import the installed bindings over libraries made in ``folder`` and describe them.

    Args:
        folder: For the libraries; bindings that bring their own take those.
        package: To import.
        core: Its module of compiled code.
    """
    build_libraries(folder)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, package, core], env=environment, capture_output=True, text=True, check=True
    )
    data = json.loads(done.stdout)
    classes = {
        name: Class(entry["enum"], tuple(entry["bases"]), _members(entry["members"], set(data["classes"])))
        for name, entry in data["classes"].items()
    }
    return Bindings(data["version"], _members(data["module"], set(classes)), classes)


def _members(data: dict[str, Any], classes: set[str]) -> dict[str, Member]:
    return {name: _member(name, entry, classes) for name, entry in data.items()}


def _member(name: str, entry: dict[str, Any], classes: set[str]) -> Member:
    doc, kind = entry.get("doc", ""), entry["kind"]
    signatures = tuple(_signatures(name, doc, classes)) if kind == "method" else ()
    returns = re.search(r"\) -> (.+)", doc) if kind == "property" else None
    type_ = entry.get("type", "") if returns is None else type_name(_expression(returns[1]), classes)
    return Member(kind, type_, bool(entry.get("writable")), signatures)


def _signatures(name: str, doc: str, classes: set[str]) -> list[Signature]:
    found = re.findall(rf"^(?:\d+\. )?{re.escape(name)}(\(.*\) -> .+)$", doc, flags=re.MULTILINE)
    return [_signature(text, classes) for text in found]


def _signature(text: str, classes: set[str]) -> Signature:
    # As keywords alone: in the bindings a parameter with a default may come before one without.
    keywords = _plain(text).replace("(", "(*, ", 1).replace("(*, )", "()", 1)
    (function,) = ast.parse(f"def call{keywords}: ...").body
    assert isinstance(function, ast.FunctionDef)
    assert function.returns is not None
    entries = [
        (parameter.arg, "" if parameter.annotation is None else type_name(parameter.annotation, classes), bool(default))
        for parameter, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if parameter.arg != "self"
    ]
    return Signature(tuple(entries), type_name(function.returns, classes))


def _plain(text: str) -> str:
    """A signature that Python can parse: C++ names, a parameter ``in``, defaults like ``<Severity.WARNING: 2>``."""
    return re.sub(r"\bin(?=: )", "in_", re.sub(r"<[^<>]*>", "None", text)).replace("::", ".")


def _expression(text: str) -> ast.expr:
    return ast.parse(_plain(text.strip()), mode="eval").body


# What is bound only after the signature was written stands there in C++.
CPP_NAMES = {"nvonnxparser.IParserError": "ParserError"}


def type_name(annotation: ast.expr, classes: set[str]) -> str:
    """A type of the bindings' by its name there, ``list X`` for lists, empty for Python's own, ``?...`` if unknown."""
    text = ast.unparse(annotation)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("list", "List"):
        inner = type_name(annotation.slice, classes)
        return inner and f"list {inner}"
    text = CPP_NAMES.get(
        text,
        re.sub(r"^(tensorrt_bindings\.tensorrt|tensorrt_rtx_bindings\.tensorrt_rtx|nvinfer1|nvonnxparser)\.", "", text),
    )
    if text in classes:
        return text
    own = {"None", "bool", "int", "str", "float", "tuple", "list", "object", "dict"}
    return "" if text in own or text.startswith(("typing", "collections.", "numpy.", "capsule")) else f"?{text}"
