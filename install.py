"""Makes `.venv` what `pyproject.toml` asks for, in the versions and with the hashes of `requirements.lock`.

    python3 install.py run          what a run needs
    python3 install.py app          what the page in the browser needs; docs: what the site needs
    python3 install.py installed    all of it: tests and linters too
    python3 install.py check        after a failure: has the environment been damaged?

`make` calls it; it needs nothing but Python. `uv` installs: the one on the PATH, else one from the lock; pip
installs the whole lock where no uv starts, or uv fails. `.venv/NAME` then says that NAME is there, and where
`.venv` lies. A package of which a file is missing or cut off is installed again. An environment that was
moved, or whose Python is gone or has become another, begins anew.
"""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENT = Path(".venv")
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = Path("requirements.lock")
# What pyproject.toml's own dependencies are too few for.
PARTS = {
    "run": ["--extra", "train"],
    "app": ["--extra", "app"],
    "docs": ["--group", "docs"],
    "installed": ["--all-extras", "--group", "docs", "--group", "dev"],
}
# Ends well in an environment that this Python made: after an upgrade the packages lie below another version.
_IS_ITS_OWN = "import os, sys, sysconfig as s; sys.exit(not os.path.isdir(s.get_path('purelib')))"


def main(asked: str) -> None:
    """Install a part, or note what is damaged."""
    if asked == "check":
        check()
    else:
        install(asked)


def install(part: str) -> None:
    """Make the environment have `part`, then write its stamp."""
    stamps = [ENVIRONMENT / name for name in PARTS]
    here = str(ENVIRONMENT.resolve())
    moved = any(stamp.is_file() and stamp.read_text("utf-8").strip() not in ("", here) for stamp in stamps)
    if moved or not _starts(PYTHON, "-c", _IS_ITS_OWN):
        for stamp in stamps:
            stamp.unlink(missing_ok=True)
        _call(sys.executable, "-m", "venv", "--clear", ENVIRONMENT)
    print(f"installing into {ENVIRONMENT} what is needed for: {part}", flush=True)
    again = list[str]()
    for information, file in damaged():
        again.append(_name(information))
        print(f"{file} is missing or cut off: {again[-1]} is installed again", flush=True)
        shutil.rmtree(information)
    if not _install_by_uv(part, again):
        _call(PYTHON, "-m", "pip", "install", "--require-hashes", "--requirement", LOCK)
        _call(PYTHON, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", ".")
    (ENVIRONMENT / part).write_text(f"{here}\n", encoding="utf-8")


def check() -> None:
    """Take the stamps away where the environment is damaged, and say so."""
    broken = [f"{_name(information)} ({file})" for information, file in damaged()]
    if not _starts(PYTHON, "-c", _IS_ITS_OWN):
        broken = ["Python itself"]
    if broken:
        for name in PARTS:
            (ENVIRONMENT / name).unlink(missing_ok=True)
        print(
            f"{ENVIRONMENT} is damaged: {', '.join(broken)}; the next call of make mends it", file=sys.stderr
        )


def damaged() -> Iterator[tuple[Path, Path]]:
    """Yield what pip knows of each damaged package, `NAME-VERSION.dist-info`, and the first file it lacks."""
    for information in sorted(ENVIRONMENT.glob("lib/python*/site-packages/*.dist-info")):
        record = information / "RECORD"
        rows = (
            csv.reader(record.read_text("utf-8").splitlines())
            if record.is_file()
            else [[f"{information.name}/RECORD"]]
        )
        for row in filter(None, rows):
            name, _, size = (*row, "", "0")[:3]  # the last row may be cut off too
            # Programs begin with a line of this folder; of those and of what is compiled no size is known.
            inside = size and not name.startswith("../")
            if inside and _size(information.parent / name) != int(size):
                yield information, information.parent / name
                break


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _name(information: Path) -> str:
    return information.name.partition("-")[0]


def _install_by_uv(part: str, again: list[str]) -> bool:
    """Return whether uv could install it; versions and hashes are those of the lock, which constrains."""
    uv = _uv()
    if not uv:
        return False
    if again:  # its cache may be damaged too: files of an environment are links to those there
        subprocess.call([uv, "cache", "clean", *again])
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--python",
        PYTHON,
        "--compile-bytecode",
        "--build-constraints",
        LOCK,
    ]
    packages: list[str | Path] = [
        "--require-hashes",
        "--constraints",
        LOCK,
        "--requirements",
        "pyproject.toml",
        *PARTS[part],
    ]
    project = ["--no-deps", "--editable", "."]
    if any(subprocess.call([*install, *what]) for what in (packages, project)):
        print("uv failed; pip installs instead, which takes minutes", flush=True)
        return False
    return True


def _uv() -> str:
    """Return a uv that starts: the one on the PATH, else that of the lock, which pip installs; "": none."""
    own = str(ENVIRONMENT / "bin" / "uv")
    for found in (shutil.which("uv"), own):
        if found and _starts(found, "--version"):
            return found
    pinned = re.search(r"^uv==(?:.*\\\n)*.*\n", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        only = Path(folder, "uv.lock")
        only.write_text(pinned[0] if pinned else "uv\n", encoding="utf-8")
        pip: list[str | Path] = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--requirement",
            only,
        ]
        return own if subprocess.call(pip) == 0 and _starts(own, "--version") else ""


def _starts(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def _call(*command: str | Path) -> None:
    if status := subprocess.call(command):
        sys.exit(status)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the next call of make goes on")
