"""The house style, as far as a test can hold it: imports, sizes, names, signatures, words."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.small import ROOT

PACKAGE = ROOT / "src" / "topwork"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up: a room imports from itself and from those before it.
ROOMS = (
    "errors", "core", "examples", "backbones", "executors", "features", "heads", "evaluation",
    "training", "recipe", "model", "runs", "evidence", "reports", "estimator", "transformer", "cli",
)  # fmt: skip
MAX_LOOSE_FILES = 4
MAX_LINES, MAX_FUNCTION_LINES = 340, 70
MAX_WORDS = 8
MANY_PARAMETERS, MAX_WITH_MANY = 8, 8
MIN_WITH_SHAPES = 0.95
FORBIDDEN_WORDS = ("/work/", "farm", "pypi.org")

ARRAY = re.compile(r"\bNDArray\b|np\.ndarray")
SHAPED = re.compile(r"\b(Bool|Float|Float32|Float64|Int|Shaped|UInt8)\[np\.ndarray, '[^']+'\]")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def module_of(path: Path) -> str:
    parts = ("topwork", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path) -> Iterator[str]:
    """All modules of the package that a file imports: late and type-only imports count too."""
    for node in ast.walk(tree_of(path)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative imports hide the direction"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            home = name if name in MODULES else name.rpartition(".")[0]
            if home.startswith("topwork"):
                yield home


def public_functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a file and methods of its public classes, without those that begin with `_`."""
    for node in tree_of(path).body:
        public = [node]
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            public = list(node.body)
        for one in public:
            if isinstance(one, ast.FunctionDef) and (
                not one.name.startswith("_") or one.name == "__call__"
            ):
                yield f"{name_of(path)}: {one.name}", one


def parameters(node: ast.FunctionDef) -> list[ast.arg]:
    given = node.args
    extra = [one for one in (given.vararg, given.kwarg) if one is not None]
    own = [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]
    return [one for one in own if one.arg not in ("self", "cls")]


def test_imports_point_down() -> None:
    for path in FILES:
        room = name_of(path).split("/")[0].removesuffix(".py")
        if room == "__init__":
            continue
        for other in imported(path):
            if other != "topwork":
                below = other.split(".")[1]
                assert ROOMS.index(below) <= ROOMS.index(room), f"{name_of(path)} imports {other}"


def test_no_files_import_one_another_in_a_circle() -> None:
    graph = {
        module: {other for other in imported(path) if other not in ("topwork", module)}
        for module, path in MODULES.items()
        if module != "topwork"
    }
    left = dict(graph)
    while True:  # what imports nothing that is left is in no circle
        done = [module for module, others in left.items() if not others & left.keys()]
        if not done:
            break
        for module in done:
            del left[module]
    assert not left, f"in a circle, or above one: {sorted(left)}"


def test_nothing_is_imported_by_a_name_in_a_string() -> None:
    for path in FILES:
        text = path.read_text()
        if path != PACKAGE / "__init__.py" and path.name != "demo_data.py":  # that reads scipy's
            assert "import_module" not in text, name_of(path)
            assert "__import__" not in text, name_of(path)


def test_files_and_functions_are_short() -> None:
    loose = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= MAX_LOOSE_FILES, loose
    for path in FILES:
        assert len(path.read_text().splitlines()) <= MAX_LINES, name_of(path)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef):
                docstring = node.body[0] if ast.get_docstring(node) else None
                length = (node.end_lineno or 0) - node.lineno
                if docstring is not None:
                    length -= (docstring.end_lineno or 0) - docstring.lineno + 1
                assert length < MAX_FUNCTION_LINES, f"{name_of(path)}: {node.name}"


def test_first_lines_are_short_noun_phrases() -> None:
    for path in FILES:
        docstring = ast.get_docstring(tree_of(path))
        assert docstring, f"{name_of(path)} has no docstring"
        first = docstring.splitlines()[0]
        assert len(first.split()) <= MAX_WORDS or path == PACKAGE / "__init__.py", name_of(path)
        assert first.endswith((".", ":")), name_of(path)


def test_dataclasses_are_frozen_and_keyword_only() -> None:
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                for decorator in map(ast.unparse, node.decorator_list):
                    if decorator.startswith("dataclass"):
                        assert "frozen=True" in decorator, f"{name_of(path)}: {node.name}"
                        assert "kw_only=True" in decorator, f"{name_of(path)}: {node.name}"


def test_one_class_a_name() -> None:
    homes = defaultdict(set)
    for path in FILES:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].add(name_of(path))
    assert not {name: found for name, found in homes.items() if len(found) > 1}


def test_few_functions_have_many_parameters() -> None:
    many = [
        f"{name_of(path)}: {node.name}"
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and len(parameters(node)) >= MANY_PARAMETERS
    ]
    assert len(many) <= MAX_WITH_MANY, many


def test_arrays_in_signatures_give_their_shape() -> None:
    with_arrays, without_shape = 0, []
    for path in FILES:
        for name, node in public_functions(path):
            annotations = [one.annotation for one in parameters(node)] + [node.returns]
            texts = [ast.unparse(one) for one in annotations if one is not None]
            if any(ARRAY.search(text) for text in texts):
                with_arrays += 1
                if any(ARRAY.search(SHAPED.sub("", text)) for text in texts):
                    without_shape.append(name)
    assert with_arrays > 100
    assert len(without_shape) <= (1 - MIN_WITH_SHAPES) * with_arrays, without_shape


def test_no_asserts_or_bare_excepts() -> None:
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            assert not isinstance(node, ast.Assert), f"{name_of(path)}, line {node.lineno}"
            assert not (isinstance(node, ast.ExceptHandler) and node.type is None), name_of(path)


def test_readme_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text()
    rooms = dict(re.findall(r"^  ([\w.]+)/? {2,}(.+)$", readme, re.MULTILINE))
    for path in PACKAGE.iterdir():
        room = path.name
        if room in ("__init__.py", "__pycache__", "py.typed"):
            continue
        assert room in rooms, f"README has no line for {room}"
        assert len(rooms[room].split()) <= MAX_WORDS, rooms[room]


def test_errors_are_a_tree_as_drawn() -> None:
    import topwork.errors as errors

    drawn = re.findall(r"(\w+Error)\b", (errors.__doc__ or ""))
    defined = [n for n, v in vars(errors).items() if isinstance(v, type)]
    assert sorted(set(drawn)) == sorted(defined)


def test_public_names_are_listed_once() -> None:
    import topwork

    for name in topwork.__all__:
        assert getattr(topwork, name).__name__ == name
    assert sorted(topwork.__all__) == list(topwork.__all__)
    with pytest.raises(AttributeError, match="trane"):
        topwork.trane  # noqa: B018


@pytest.mark.parametrize("folder", ["src", "docs", "tests", "benchmarks"])
def test_the_project_speaks_of_itself_alone(folder: str) -> None:
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in (".py", ".md") and path != Path(__file__):
            text = path.read_text()
            assert not [word for word in FORBIDDEN_WORDS if word in text], path
