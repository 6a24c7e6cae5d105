"""MLflow's database: made whole or not at all."""

import os
import sqlite3
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TABLES = "select count(*) from sqlite_master where type = 'table'"


def connect(folder):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_"))
    }
    command = [sys.executable, "-c", "from pipeline.tracking import connect; connect()"]
    subprocess.run(command, cwd=folder, env=environment | {"PYTHONPATH": str(ROOT)}, check=True)


@pytest.mark.slow
def test_what_a_killed_process_left_of_the_database_is_made_anew(tmp_path):
    (tmp_path / ".mlflow.db.partial").write_bytes(b"half of it")
    connect(tmp_path)
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == {"mlflow.db"}
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute(TABLES).fetchone()[0] > 20
    before = (tmp_path / "mlflow.db").stat().st_ino
    connect(tmp_path)
    assert (tmp_path / "mlflow.db").stat().st_ino == before
