"""Servers that a test talks to over loopback: PostgreSQL, and MLflow on top of it."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 120


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], ready: Callable[[], object], log: Path, **how: object) -> Iterator[None]:
    """Start a server, wait until `ready` raises nothing, and end it and what it started with the block."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **how
        )
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                ready()
                break
            except Exception:
                told = log.read_text(encoding="utf-8")
                assert process.poll() is None, told
                assert time.monotonic() < deadline, told
                time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, which Debian keeps off the PATH; None without them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Start PostgreSQL on loopback, with a password; give the address of its database."""
    import psycopg

    port, password = free_port(), "secret"
    # It refuses to run as root, and its user cannot reach pytest's own folders.
    how = {"user": pwd.getpwnam("postgres").pw_uid, "group": pwd.getpwnam("postgres").pw_gid} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if how:
            os.chown(folder, how["user"], how["group"])
        given = Path(folder) / "password"
        given.write_text(password, encoding="utf-8")
        given.chmod(0o644)
        data = f"{folder}/data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "fakes", "-A", "scram-sha-256", "--pwfile", given, "--no-sync", "--no-locale", "-E", "UTF8"],
            check=True, capture_output=True, cwd=folder, **how,
        )  # fmt: skip
        command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"]
        address = f"fakes:{password}@127.0.0.1:{port}/postgres"
        with running(command, lambda: psycopg.connect(f"postgresql://{address}").close(), Path(folder) / "log", cwd=folder, **how):
            yield f"postgresql+psycopg://{address}"
