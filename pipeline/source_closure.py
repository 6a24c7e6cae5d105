"""Which files of `pipeline/` a file of it imports, also inside functions, read from the source."""

import ast
import shutil
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent


@cache
def imports_of(path: Path) -> frozenset[Path]:
    """Return the files of ours that `path` imports by itself, packages' `__init__.py` on the way included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found = set[Path]()
    for name in names:
        parts = name.split(".")
        if parts[0] != PACKAGE.name:
            continue
        for length in range(1, len(parts) + 1):
            base = PACKAGE.parent.joinpath(*parts[:length])
            found.update(each for each in (base.with_suffix(".py"), base / "__init__.py") if each.is_file())
    return frozenset(found - {path})


def closure(path: Path) -> set[Path]:
    """Return `path` and every file of ours that it imports, directly or not.

    >>> files = closure(PACKAGE / "errors.py")
    >>> [each.name for each in files]
    ['errors.py']
    """
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(imports_of(current))
    return seen


def copy_closure(module: str, folder: Path) -> Path:
    """Copy what a module of ours needs of `pipeline/` into `folder`; return the package there.

    Args:
        module: its name, such as `pipeline.detector.served`.
        folder: where to.
    """
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    for each in sorted(closure(path)):
        target = folder / each.relative_to(PACKAGE.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, target)
    return folder / PACKAGE.name
