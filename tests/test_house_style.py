"""Holds what can be held of the house style: the direction of imports, sizes, captions, words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "topwork"
FILES = sorted(PACKAGE.rglob("*.py"))

# From left to right, the way of the data: a room imports from itself and from rooms on its left.
ROOMS = (
    ("errors",),
    ("digests",),
    ("files", "time_limit"),
    ("examples",),
    ("backbones",),
    ("executors",),
    ("features",),
    ("heads",),
    ("evaluation",),
    ("training",),
    ("recipe",),
    ("outcomes", "answers_file"),
    ("model", "archive", "model_card", "timeline"),  # a model saves itself, is loaded, and listens
    ("frozen",),
    ("jobs",),
    ("tuned",),
    ("pipeline", "pretraining"),
    ("evidence",),
    ("report",),
    ("estimator", "embedding", "demo_data", "demo", "cache", "account", "console", "output"),
    ("shell", "options", "pretrain_command", "train_command", "advise_command", "report_command"),
    ("cli",),
)
ORDER = {name: place for place, room in enumerate(ROOMS) for name in room}
MAX_LINES, MAX_FUNCTION_LINES = 340, 75
FORBIDDEN_WORDS = ("/work/", "farm", "pypi.org")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.AST) -> set[str]:
    """All rooms that a file imports from, late and type-only imports too."""
    rooms = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            names = [node.module or ""]
            if node.module == "topwork":
                names = [f"topwork.{alias.name}" for alias in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("topwork.")}
    return rooms


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for other in imported_rooms(ast.parse(path.read_text())):
        assert ORDER[other] <= ORDER[room], f"{room} imports from {other}, on its right"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_modules_say_what_they_are_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith((".", ":")) or path.name == "__init__.py"
    if path.name != "__init__.py":
        assert "does not know" in " ".join(docstring.split()), "does not say what it does not know"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_dataclasses_are_frozen_and_keyword_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                text = ast.unparse(decorator)
                if text.startswith("dataclass"):
                    assert "frozen=True" in text, node.name
                    assert "kw_only=True" in text, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_no_asserts_prints_or_bare_excepts(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None)


def test_readme_captions_every_file_with_its_own_first_line() -> None:
    readme = (ROOT / "README.md").read_text()
    captions = dict(re.findall(r"^ *([\w/]+\.py) {2,}(.+)$", readme, re.MULTILINE))
    for path in FILES:
        if path.name == "__init__.py":
            continue
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        first = docstring.splitlines()[0].rstrip(".:")
        name = path.relative_to(PACKAGE).as_posix()
        assert captions.get(name) == first, f"README's caption of {name}"


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
    with pytest.raises(AttributeError, match="has no attribute 'trane'"):
        topwork.trane  # noqa: B018


@pytest.mark.parametrize("folder", ["src", "docs", "tests", "benchmarks"])
def test_the_project_speaks_of_itself_alone(folder: str) -> None:
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in (".py", ".md") and path != Path(__file__):
            text = path.read_text()
            assert not [word for word in FORBIDDEN_WORDS if word in text], path
