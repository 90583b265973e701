"""What `make check` asks of the tree beyond what tools ask: lengths, circles, names of ours."""

import ast
import importlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"][
    "build"
]["targets"]["wheel"]["packages"]
FUNCTION_LINES = 60
FILE_LINES = 400
TEXT_SUFFIXES = {".css", ".html", ".js", ".py", ".sh", ".sql"}


def _tracked() -> list[Path]:
    """Files of the project: what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


FILES = _tracked()
SOURCES = [file for file in FILES if file.suffix in TEXT_SUFFIXES]
MODULES = [file for file in SOURCES if file.suffix == ".py"]


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_over_60_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}:{function.lineno} {function.name}: {length}"
        for file in MODULES
        for function in _functions(ast.parse(file.read_text()))
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    ]
    assert not long


def test_no_source_file_is_over_400_lines() -> None:
    long = [
        f"{file.relative_to(ROOT)}: {length}"
        for file in SOURCES
        if (length := len(file.read_text().splitlines())) > FILE_LINES
    ]
    assert not long


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path, names: set[str]) -> set[str]:
    """Modules of ours that a file imports, at its top or later; not those for the type checker."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & names) or {node.module}
    return (found & names) - {_name(file)}


def _find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle of the graph, or nothing."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for target in sorted(graph[node]):
            if cycle := walk(target, [*path, node]):
                return cycle
        done.add(node)
        return []

    return next((cycle for node in sorted(graph) if (cycle := walk(node, []))), [])


def test_no_files_import_each_other_in_a_circle() -> None:
    names = {_name(file) for file in MODULES}
    graph = {_name(file): _imports(file, names) for file in MODULES}
    assert not _find_cycle(graph)


def test_a_circle_is_found() -> None:
    assert _find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not _find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("package", PACKAGES)
def test_package_is_ours_and_typed(package: str) -> None:
    origin = importlib.import_module(package).__file__
    assert origin is not None
    assert Path(origin).parent == ROOT / package
    assert (ROOT / package / "py.typed").exists()


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {file.parent for file in MODULES}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_nothing_names_where_packages_come_from() -> None:
    """Hosts of registries are the machine's business; the lock names a placeholder."""
    lock = (ROOT / "uv.lock").read_text()
    hosts = set(re.findall(r"https://([^/\"]+)", lock))
    assert hosts == {"registry.invalid"}
    assert "://" not in (ROOT / "tests/timescaledb/package-lock.json").read_text()
