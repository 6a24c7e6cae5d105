"""Servers that tests talk to over loopback: PostgreSQL, MLflow upon it, and a bucket of S3."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 120  # a machine under load starts slowly
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
_PASSWORD = "secret"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], ready: Callable[[], object], log: Path, **how: Any
) -> Iterator[None]:
    """Start a server, wait until `ready` raises nothing, end it and what it started with the block."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **how
        )
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                ready()
            except Exception:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.2)
            else:
                break
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's server, which Debian keeps off the PATH."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Give the address, with a password in it, of a database of its own."""
    import psycopg

    how: dict[str, Any] = {}
    if os.getuid() == 0:  # as which it refuses to run
        user = pwd.getpwnam("postgres")
        how = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:  # pytest's own folders are for one user
        folder, port = Path(name), free_port()
        (folder / "password").write_text(_PASSWORD, encoding="utf-8")
        if how:
            os.chown(folder, how["user"], how["group"])
        made = [programs / "initdb", "-D", folder / "data", "-U", "fakes", "-A", "scram-sha-256"]
        subprocess.run(
            [*made, "--pwfile", folder / "password", "--no-sync", "--no-locale", "-E", "UTF8"],
            check=True, capture_output=True, cwd=folder, **how,
        )  # fmt: skip
        address = f"fakes:{_PASSWORD}@127.0.0.1:{port}/postgres"
        command = [programs / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port)]
        with running(
            [*command, "-k", folder, "-F"],
            lambda: psycopg.connect(f"postgresql://{address}").close(),
            folder / "log", cwd=folder, **how,
        ):  # fmt: skip
            yield f"postgresql+psycopg://{address}"


@contextlib.contextmanager
def running_mlflow(
    store: str, artifacts: Path, folder: Path, environment: Mapping[str, str]
) -> Iterator[str]:
    """Give the address of a server with its runs in `store`, which passes artifacts on to a folder."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--artifacts-destination", str(artifacts), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, _answers(f"http://127.0.0.1:{port}/health"), folder / "mlflow.log",
                 cwd=folder, env=environment):  # fmt: skip
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def running_s3(folder: Path, bucket: str) -> Iterator[dict[str, str]]:
    """Give the environment in which programs find `s3://bucket`."""
    import boto3

    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, _answers(address), folder / "s3.log", env={**os.environ, **KEYS}):
        client = boto3.client(
            "s3", endpoint_url=address, region_name=KEYS["AWS_DEFAULT_REGION"],
            aws_access_key_id="any", aws_secret_access_key="any",
        )  # fmt: skip
        client.create_bucket(Bucket=bucket)
        client.close()
        yield {**KEYS, "AWS_ENDPOINT_URL": address}


def _answers(address: str) -> Callable[[], object]:
    return lambda: urllib.request.urlopen(address, timeout=5).close()
