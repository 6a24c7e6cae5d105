"""Which of our files import which, read from the source: also the imports inside functions."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline"


def our_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """Files of ours that `path` imports by itself, packages' `__init__.py` on the way included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] != "pipeline":
            continue
        for length in range(1, len(parts) + 1):
            base = ROOT.joinpath(*parts[:length])
            found.update(each for each in (base.with_suffix(".py"), base / "__init__.py") if each.is_file())
    return frozenset(found - {path})


def closure(path: Path) -> set[Path]:
    """`path` and every file of ours that it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(imports_of(current))
    return seen


def deps_of(stage: str, module: str) -> list[str]:
    """List what `stage` depends on among our files: whole rooms, but for `train` the files of rooms that it
    needs less than half of, because it is dear. A docstring alone (`__init__.py`) is no dependency."""
    needed: dict[str, list[Path]] = {}
    for path in sorted(closure(PACKAGE / f"{module}.py")):
        parts = path.relative_to(PACKAGE).parts
        if path.name == "usage.py":  # what --help says changes no result
            continue
        if path.name != "__init__.py" or len(ast.parse(path.read_text(encoding="utf-8")).body) > 1:
            needed.setdefault(parts[0] if len(parts) > 1 else "", []).append(path)
    files = needed.pop("", [])
    deps = list(files)
    for room, paths in needed.items():
        whole = len(paths) * 2 >= len(list((PACKAGE / room).rglob("*.py")))
        deps += [PACKAGE / room] if whole or stage != "train" or room == "models" else paths
    return sorted(path.relative_to(ROOT).as_posix() for path in deps)


if __name__ == "__main__":  # python -m tests.source_imports train (or: snapshot params): the deps of a stage
    import sys

    print(*(f"      - {name}" for name in deps_of(sys.argv[1], sys.argv[-1])), sep="\n")
