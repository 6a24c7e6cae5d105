"""What stages of dvc.yaml depend on among our files, by what they import."""

import ast
from pathlib import Path

from pipeline.source_closure import PACKAGE, closure, imports_of

ROOT = PACKAGE.parent
__all__ = ["PACKAGE", "ROOT", "closure", "deps_of", "imports_of", "our_files"]


def our_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


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
