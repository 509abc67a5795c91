"""Checks code that uses TensorRT against what its bindings offer, without running it.

Types are followed through the source: from ``trt.Builder(...)`` or an annotation, through the results that the
bindings' own signatures state, to every attribute and call. Where a type would be lost (in a container, through an
unannotated parameter, by ``getattr``) that is an error too, so that nothing of TensorRT's goes unchecked.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.backends.tensorrt.stubs import Bindings, Member

Function = ast.FunctionDef | ast.AsyncFunctionDef
CONSUMERS = {"bytes", "int", "str", "tuple"}
"""Python's own that make something of its own of an object: here it may end."""
MODULE = "<module>"


@dataclass
class Report:
    """What a check found.

    Attributes:
        errors: ``file:line: what``.
        used: Every name of the bindings' that the source uses, such as ``Builder.create_network``.
        imports: ``file:line`` of each import of TensorRT that runs.
    """

    errors: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    imports: list[str] = field(default_factory=list)


def check(sources: Mapping[str, str], bindings: Bindings) -> Report:
    """Check modules that call each other, given as source text by file name."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    attributes: dict[str, str] = {}
    while True:  # attributes get their types from assignments anywhere: again until no more are found
        checker = _Checker(bindings, trees, dict(attributes))
        for name, tree in trees.items():
            checker.module(name, tree)
        if checker.attributes == attributes:
            return checker.report
        attributes = checker.attributes


Names = dict[str, str]
"""What names in a scope are: ``<module>``, ``class X``, ``X`` (an instance), ``list X``, ``enum X``, ``call X.f``; the
empty text is all that is not TensorRT's."""


class _Checker:
    def __init__(self, bindings: Bindings, trees: Mapping[str, ast.Module], attributes: Names) -> None:
        self.bindings = bindings
        self.attributes = attributes
        self.report = Report()
        self.file = ""
        self.returns = ""  # what the function being checked promises
        self.functions: dict[str, list[Function]] = {}
        for tree in trees.values():
            for name, function in _functions(tree):
                self.functions.setdefault(name, []).append(function)

    def module(self, name: str, tree: ast.Module) -> None:
        self.file = name
        self.block(tree.body, {})

    def error(self, node: ast.AST, text: str) -> None:
        self.report.errors.append(f"{self.file}:{getattr(node, 'lineno', 0)}: {text}")

    # Statements

    def block(self, body: list[ast.stmt], names: Names) -> None:
        for statement in body:
            self.statement(statement, names)

    def statement(self, node: ast.stmt, names: Names) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imported(node, names)
        elif isinstance(node, Function):
            self.function(node, names)
        elif isinstance(node, ast.ClassDef):
            self.class_(node, names)
        elif isinstance(node, ast.Assign):
            type_ = self.expression(node.value, names)
            for target in node.targets:
                self.assign(target, type_, names)
        elif isinstance(node, ast.AnnAssign):
            given = "" if node.value is None else self.expression(node.value, names)
            annotated = self.annotation(node.annotation)
            if given and annotated != given:
                self.error(node, f"{given} is annotated as {annotated or 'something else'}")
            self.assign(node.target, annotated, names)
        elif isinstance(node, ast.Return):
            type_ = "" if node.value is None else self.expression(node.value, names)
            if _tracked(type_) and type_ != self.returns:
                self.error(node, f"{type_} is lost: the function must be annotated to return it")
        elif isinstance(node, ast.For):
            self.assign(node.target, self.element(node.iter, names), names)
            self.block([*node.body, *node.orelse], names)
        elif isinstance(node, ast.Expr):
            self.expression(node.value, names)
        else:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                names["tensorrt"] = MODULE
                return
            for child in ast.iter_child_nodes(node):
                self.child(child, names)

    def child(self, node: ast.AST, names: Names) -> None:
        """Anything below a statement or expression that has no rule of its own."""
        if isinstance(node, ast.stmt):
            self.statement(node, names)
        elif isinstance(node, ast.expr):
            type_ = self.expression(node, names)
            if _tracked(type_):
                self.error(node, f"{type_} is lost in `{ast.unparse(node)}`")
        else:
            for child in ast.iter_child_nodes(node):
                self.child(child, names)

    def imported(self, node: ast.Import | ast.ImportFrom, names: Names) -> None:
        if isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] == "tensorrt":
                self.error(node, "import the module, not its names")
            return
        for alias in node.names:
            if alias.name.split(".")[0] == "tensorrt":
                names[alias.asname or alias.name] = MODULE
                self.report.imports.append(f"{self.file}:{node.lineno}")

    def function(self, node: Function, names: Names) -> None:
        inner = dict(names)
        arguments = node.args
        for parameter in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            inner[parameter.arg] = "" if parameter.annotation is None else self.annotation(parameter.annotation)
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.child(default, names)
        outer, self.returns = self.returns, "" if node.returns is None else self.annotation(node.returns)
        self.block(node.body, inner)
        self.returns = outer

    def class_(self, node: ast.ClassDef, names: Names) -> None:
        for base in node.bases:
            type_ = self.expression(base, names)
            if type_.startswith("class "):
                names[node.name] = type_
                self.overrides(node, type_.removeprefix("class "))
        inner = dict(names)
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):  # a dataclass's field
                self.assign(ast.Attribute(ast.Name("self"), item.target.id), self.annotation(item.annotation), inner)
        self.block(node.body, inner)

    def overrides(self, node: ast.ClassDef, base: str) -> None:
        """TensorRT calls these: the names and parameters must be its own."""
        for method in node.body:
            if not isinstance(method, Function):
                continue
            member = self.member(method, base, method.name)
            parameters = [parameter.arg for parameter in method.args.args[1:]]
            if member is not None and all([p[0] for p in s.parameters] != parameters for s in member.signatures):
                self.error(method, f"{base}.{method.name} is called with other parameters than {parameters}")

    def assign(self, target: ast.expr, type_: str, names: Names) -> None:
        if isinstance(target, ast.Name):
            before = names.setdefault(target.id, type_)
            if before != type_ and (_tracked(before) or _tracked(type_)):
                self.error(
                    target, f"{target.id} was {before or 'something else'} and is {type_ or 'something else'} now"
                )
        elif isinstance(target, ast.Attribute):
            owner = self.expression(target.value, names)
            if owner:
                member = self.member(target, owner, target.attr)
                if member is not None and not member.writable:
                    self.error(target, f"{owner}.{target.attr} can't be set")
            elif _tracked(type_):
                before = self.attributes.setdefault(target.attr, type_)
                if before != type_:
                    self.error(target, f".{target.attr} is {before} elsewhere and {type_} here")
        elif _tracked(type_):
            self.error(target, f"{type_} is lost in `{ast.unparse(target)}`")
        else:
            for child in ast.iter_child_nodes(target):
                if isinstance(child, ast.expr):
                    self.assign(child, "", names)

    # Expressions: each returns what it is

    def expression(self, node: ast.expr, names: Names) -> str:
        if isinstance(node, ast.Name):
            return names.get(node.id, "")
        if isinstance(node, ast.Attribute):
            return self.attribute(node, names)
        if isinstance(node, ast.Call):
            return self.call(node, names)
        if isinstance(node, ast.Subscript):
            return self.element(node.value, names)
        if isinstance(node, ast.IfExp):
            self.expression(node.test, names)
            either = {self.expression(node.body, names), self.expression(node.orelse, names)}
            if len(either) > 1 and any(map(_tracked, either)):
                self.error(node, f"one of {either}")
            return either.pop()
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            inner = dict(names)
            for generator in node.generators:
                self.assign(generator.target, self.element(generator.iter, inner), inner)
                for condition in generator.ifs:
                    self.expression(condition, inner)
            self.child(node.elt, inner)
            return ""
        if isinstance(node, (ast.Compare, ast.UnaryOp, ast.FormattedValue)):  # whatever they say of it, they end it
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, names)
            return ""
        for part in ast.iter_child_nodes(node):
            self.child(part, names)
        return ""

    def element(self, node: ast.expr, names: Names) -> str:
        """What iterating or indexing gives."""
        type_ = self.expression(node, names)
        if _tracked(type_) and not type_.startswith("list "):
            self.error(node, f"{type_} is neither iterated nor indexed here")
        return type_.removeprefix("list ") if type_.startswith("list ") else ""

    def attribute(self, node: ast.Attribute, names: Names) -> str:
        owner = self.expression(node.value, names)
        if not owner:
            return self.attributes.get(node.attr, "")
        member = self.member(node, owner, node.attr)
        if member is None:
            return ""
        kind = owner.removeprefix("class ")
        if member.kind == "method":
            return f"call {kind}.{node.attr}"
        return {"class": f"class {member.type}", "value": f"enum {member.type}"}.get(
            member.kind, self.known(node, member.type)
        )

    def member(self, node: ast.AST, owner: str, name: str) -> Member | None:
        """An attribute of the module, a class or an instance; an error if there is none."""
        owner = owner.removeprefix("class ").removeprefix("enum ")
        if owner != MODULE and owner not in self.bindings.classes:
            self.error(node, f"`.{name}` of {owner}")
            return None
        members = self.bindings.module if owner == MODULE else self.bindings.classes[owner].members
        path = name if owner == MODULE else f"{owner}.{name}"
        if name not in members:
            self.error(node, f"TensorRT {self.bindings.version} has no {path}")
            return None
        self.report.used.add(path)
        return members[name]

    def known(self, node: ast.AST, type_: str) -> str:
        if "?" in type_:
            self.error(node, f"the bindings' type {type_} is not known here")
            return ""
        is_enum = type_ in self.bindings.classes and self.bindings.classes[type_].enum
        return f"enum {type_}" if is_enum else type_

    def annotation(self, node: ast.expr) -> str:
        if isinstance(node, ast.BinOp):  # X | None
            return self.annotation(node.left) or self.annotation(node.right)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "list":
            inner = self.annotation(node.slice)
            return inner and f"list {inner}"
        if ast.unparse(node) == "ModuleType":
            return MODULE
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("tensorrt."):
            return self.known(node, self.expression(node, {"tensorrt": MODULE}).removeprefix("class "))
        return ""

    # Calls

    def call(self, node: ast.Call, names: Names) -> str:
        called = self.expression(node.func, names)
        if called.startswith(("class ", "call ")):
            return self.foreign_call(node, called, names)
        if called:
            self.error(node, f"{called} is no function")
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        arguments = list(node.args)
        if name == "submit":  # an executor's: the call of its first argument
            name, arguments = ast.unparse(arguments[0]), arguments[1:]
        functions = self.functions.get(name, [])
        for key, argument in [*enumerate(arguments), *((keyword.arg, keyword.value) for keyword in node.keywords)]:
            type_ = self.expression(argument, names)
            if not _tracked(type_) or (isinstance(node.func, ast.Name) and name in CONSUMERS):
                continue
            if {self.parameter(function, key) for function in functions} != {type_}:
                self.error(node, f"{type_} is lost in the call of {name or 'something'}")
        returns = {"" if function.returns is None else self.annotation(function.returns) for function in functions}
        if len(returns) > 1 and any(map(_tracked, returns)):
            self.error(node, f"{name} is several functions, of {returns}")
        return returns.pop() if returns else ""

    def parameter(self, function: Function, key: int | str | None) -> str:
        """What an argument's parameter is annotated as."""
        positional = [parameter for parameter in function.args.args if parameter.arg != "self"]
        if isinstance(key, int):
            found = positional[key : key + 1]
        else:
            found = [parameter for parameter in [*positional, *function.args.kwonlyargs] if parameter.arg == key]
        return self.annotation(found[0].annotation) if found and found[0].annotation is not None else ""

    def foreign_call(self, node: ast.Call, called: str, names: Names) -> str:
        is_class, target = called.startswith("class "), called.split(" ", 1)[1]
        if is_class:
            member = self.bindings.classes[target].members["__init__"]
            self.report.used.add(f"{target}.__init__")
        else:
            owner, _, name = target.rpartition(".")
            member = (self.bindings.module if owner == MODULE else self.bindings.classes[owner].members)[name]
        given: dict[int | str, str] = {}
        for key, argument in [*enumerate(node.args), *((keyword.arg, keyword.value) for keyword in node.keywords)]:
            if key is None or isinstance(argument, ast.Starred):
                self.error(node, f"the arguments of {target} are not written out")
                return ""
            given[key] = self.expression(argument, names)
        fitting = [signature for signature in member.signatures if self.bindings.fits(signature, given)]
        if not fitting:
            self.error(node, f"{target} does not take {given}: {member.signatures}")
            return ""
        return target if is_class else self.known(node, fitting[0].returns)


def _tracked(type_: str) -> bool:
    """Enumerations' values have been checked where they are named; all else must not get lost."""
    return bool(type_) and not type_.startswith("enum ")


def _functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Functions and methods by name, and classes by their constructor."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from (
                (node.name, item) for item in node.body if isinstance(item, Function) and item.name == "__init__"
            )
