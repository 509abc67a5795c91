"""Every name and signature of TensorRT's that cgtool uses, against the real bindings of 11.4."""

from __future__ import annotations

import ast
import enum
import importlib.util
import inspect
import re
import shutil
from pathlib import Path

import pytest

import cgtool.backends.tensorrt
from tests.backends.tensorrt.contract import Report, check
from tests.backends.tensorrt.standin.recording import stand_in
from tests.backends.tensorrt.standin.scenario import Scenario
from tests.backends.tensorrt.stubs import Bindings, read_bindings

FOLDER = Path(cgtool.backends.tensorrt.__file__).parent
BINDINGS, BUILDER, BACKEND, LIBRARY = "bindings.py", "builder.py", "backend.py", "library.py"


@pytest.fixture(scope="module")
def bindings(tmp_path_factory: pytest.TempPathFactory) -> Bindings:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: `cc` is not on the path")
    if importlib.util.find_spec("tensorrt_bindings") is None:
        pytest.skip("no TensorRT bindings: pip install --no-deps tensorrt-cu13-bindings==11.4.0.106")
    return read_bindings(tmp_path_factory.mktemp("libraries"))


@pytest.fixture(scope="module")
def rtx_bindings(tmp_path_factory: pytest.TempPathFactory) -> Bindings:
    pytest.importorskip("tensorrt_rtx", reason="no TensorRT for RTX: pip install 'cgtool[tensorrt-rtx]'")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: `cc` is not on the path")
    return read_bindings(tmp_path_factory.mktemp("libraries"), "tensorrt_rtx", "tensorrt_rtx")


def texts_without(other: str) -> dict[str, str]:
    """All of the package that names TensorRT, without the class that is for the other package."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.py")}
    texts = {name: text for name, text in texts.items() if re.search(r"\bimport tensorrt\b|\bload_tensorrt\b", text)}
    tree = ast.parse(texts[LIBRARY])
    (cut,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == other)
    lines = texts[LIBRARY].splitlines()
    texts[LIBRARY] = "\n".join([*lines[: cut.lineno - 1], *lines[cut.end_lineno :]])
    return texts


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return texts_without("TensorRTForRTX")


@pytest.fixture(scope="module")
def report(sources: dict[str, str], bindings: Bindings) -> Report:
    return check(sources, bindings)


def test_all_names_and_signatures_exist(report: Report) -> None:
    assert report.errors == []


def test_all_names_and_signatures_exist_in_tensorrt_for_rtx(rtx_bindings: Bindings) -> None:
    report = check(texts_without("TensorRT"), rtx_bindings)
    assert report.errors == []
    assert {
        "ComputeCapability.SM121",
        "IBuilderConfig.set_compute_capability",
        "ICudaEngine.create_runtime_config",
        "IExecutionContext.execute_async_v3",
        "IRuntimeCache.deserialize",
        "IRuntimeConfig.set_runtime_cache",
    } <= report.used


def test_the_check_sees_the_code(sources: dict[str, str], report: Report) -> None:
    """What it counts as used, so that it can't pass by losing sight of an object."""
    assert set(sources) == {BINDINGS, BUILDER, BACKEND, LIBRARY}
    assert {
        "Builder.build_serialized_network",
        "IBuilderConfig.hardware_compatibility_level",
        "ICudaEngine.create_execution_context",
        "IExecutionContext.execute_async_v3",
        "IExecutionContext.set_tensor_address",
        "ILogger.Severity.INTERNAL_ERROR",
        "IProgressMonitor.step_complete",
        "ITimingCache.serialize",
        "NetworkDefinitionCreationFlag.STRONGLY_TYPED",
        "ParserError.node_operator",
        "Runtime.engine_host_code_allowed",
    } <= report.used


def test_one_place_imports_tensorrt(report: Report) -> None:
    assert [place.split(":")[0] for place in report.imports] == [BINDINGS]


MUTATIONS = {
    "a flag that 11 removed": (BUILDER, "BuilderFlag.TF32", "BuilderFlag.FP16", "no BuilderFlag.FP16"),
    "another": (
        BUILDER,
        "Flag.STRONGLY_TYPED",
        "Flag.EXPLICIT_BATCH",
        "no NetworkDefinitionCreationFlag.EXPLICIT_BATCH",
    ),
    "a property that 11 removed": (
        BACKEND,
        "engine.num_io_tensors",
        "engine.device_memory_size",
        "no ICudaEngine.device_memory_size",
    ),
    "an attribute's method": (
        BACKEND,
        ".execute_async_v3(",
        ".execute_async_v2(",
        "no IExecutionContext.execute_async_v2",
    ),
    "a result's method": (BUILDER, ".serialize()", ".serialise()", "no ITimingCache.serialise"),
    "a parameter's method": (BUILDER, "error.node_name()", "error.name()", "no ParserError.name"),
    "a guard for a missing flag": (
        BUILDER,
        "if options.workspace_mb is not None:",
        'if hasattr(trt.BuilderFlag, "FP16"):',
        "lost in the call of hasattr",
    ),
    "a name in text": (
        BUILDER,
        "trt.Builder(log.sink)",
        'getattr(trt, "Builder")(log.sink)',
        "lost in the call of getattr",
    ),
    "an argument too many": (
        BUILDER,
        "serialized_network(network, config)",
        "serialized_network(network, config, 0, 1)",
        "take",
    ),
    "an argument too few": (BACKEND, "get_tensor_profile_shape(FRAMES, 0)", "get_tensor_profile_shape(FRAMES)", "take"),
    "an argument's name": (BUILDER, "ignore_mismatch=False", "ignore=False", "does not take"),
    "an argument's type": (
        BUILDER,
        "trt.OnnxParser(network, log.sink)",
        "trt.OnnxParser(log.sink, network)",
        "does not take",
    ),
    "a property that is read only": (
        BUILDER,
        "config.builder_optimization_level =",
        "config.all_build_routes =",
        "can't be set",
    ),
    "a method of ours that is never called": (
        BUILDER,
        "def step_complete(self",
        "def step_completed(self",
        "no IProgressMonitor",
    ),
    "a method of ours called otherwise": (
        BUILDER,
        "def phase_finish(self, phase_name: str)",
        "def phase_finish(self)",
        "parameters",
    ),
    "a result that is of another type": (
        BACKEND,
        "engine: tensorrt.ICudaEngine, tensors",
        "engine: tensorrt.Runtime, tensors",
        "lost",
    ),
    "a type that is not written": (
        BACKEND,
        "context: tensorrt.IExecutionContext",
        "context: object",
        "lost in the call of _Slot",
    ),
    "a container": (BUILDER, "return bytes(plan)", "return [plan]", "lost in"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_check_fails_on_a_mutation(name: str, sources: dict[str, str], bindings: Bindings) -> None:
    file, old, new, words = MUTATIONS[name]
    assert old in sources[file], "the mutation no longer fits the source"
    errors = check({**sources, file: sources[file].replace(old, new)}, bindings).errors
    assert any(words in error for error in errors), errors


def test_the_stand_in_offers_only_what_exists(bindings: Bindings) -> None:
    module = stand_in(Scenario())
    names = [name for name in vars(module) if not name.startswith("__")]
    assert len(names) > 15
    for name in names:
        assert name in bindings.module
        compare(getattr(module, name), bindings, name)


def compare(offered: type, bindings: Bindings, name: str) -> None:
    """Hold a class of the stand-in to the bindings' class: members, kinds, parameters."""
    real = bindings.classes[name]
    assert issubclass(offered, enum.Enum) == real.enum
    made_by_tensorrt = not real.members["__init__"].signatures  # its constructor is the stand-in's own affair
    for member, value in vars(offered).items():
        if member.startswith("_") and (member != "__init__" or made_by_tensorrt):
            continue
        assert member in real.members, f"{name}.{member}"
        kind = real.members[member].kind
        if inspect.isclass(value):
            assert kind == "class"
            compare(value, bindings, f"{name}.{member}")
        elif inspect.isfunction(value):
            assert kind == "method"
            parameters = list(inspect.signature(value).parameters)[1:]
            accepted = [[entry[0] for entry in signature.parameters] for signature in real.members[member].signatures]
            assert parameters in accepted, f"{name}.{member}: {parameters} is none of {accepted}"
        else:
            assert kind == ("value" if real.enum else "property"), f"{name}.{member}"


def test_the_stand_in_offers_all_that_is_used(report: Report) -> None:
    module = stand_in(Scenario())
    missing = []
    for path in report.used:
        target: object = module
        for part in path.split("."):
            target = getattr(target, part, None)
        if target is None and path != "IBuilderConfig.progress_monitor":  # None until it is set
            missing.append(path)
    assert missing == []
