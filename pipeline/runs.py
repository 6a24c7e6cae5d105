"""Chores of the MLflow store.

    python -m pipeline.runs relocate   mends paths after the folder was moved
    python -m pipeline.runs send       sends what a lost server missed

What is sent lies on disk first, in `models/` and `reports/`: nothing is lost while a server is away.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from pipeline import usage
from pipeline.errors import UserError
from pipeline.stage import plain_errors

# Every column of the store that holds an absolute address of an artifact.
ADDRESSES = [
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
]


def relocate(database: Path, root: Path, earlier: str | None = None) -> int:
    """Rewrite artifact addresses below the repository's earlier folder to `root`; return how many.

    MLflow stores absolute paths: in a moved repository the lists of artifacts are silently empty.
    Without `earlier` it is read off the addresses, which all end in `/mlruns…`.

    Raises:
        UserError: there is no database, or the earlier folder cannot be told.
    """
    if not database.is_file():
        raise UserError(f"{database} is not there: this repository has no local MLflow store to relocate")
    with _readable(database), closing(sqlite3.connect(database)) as connection, connection:
        if earlier is None:
            rows = connection.execute("SELECT artifact_location FROM experiments").fetchall()
            named = {_repository_of(address) for (address,) in rows} - {None, str(root)}
            if not named:
                return 0
            if len(named) > 1:
                listed = ", ".join(sorted(map(str, named)))
                raise UserError(f"the store names several places ({listed}); choose one with --from")
            earlier = str(named.pop())
        changed = 0
        for table, column in ADDRESSES:
            # An address that begins with file: is quoted, a path is as it is.
            for quoted, old, new in ((0, earlier, str(root)), (1, quote(earlier), quote(str(root)))):
                changed += connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?1, ?2) "
                    f"WHERE instr({column}, ?1) > 0 AND ({column} LIKE 'file:%') = ?3",
                    (f"{old}/mlruns", f"{new}/mlruns", quoted),
                ).rowcount
    return changed


@contextmanager
def _readable(database: Path) -> Iterator[None]:
    """Raise UserError where a file is no database of MLflow's."""
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(
            f"{database} is broken or no database of MLflow's ({error}); move it away, and a new one is made"
        ) from error


def _repository_of(address: str | None) -> str | None:
    """Return the repository that an artifact address lies in."""
    path = address or ""
    if path.startswith("file:"):
        path = unquote(path.removeprefix("file://"))
    return path.rsplit("/mlruns", 1)[0] if "/mlruns" in path else None


def send(models: Path, reports: Path) -> str:
    """Bring the run of `models` into the store, with its evaluation if there is one.

    Returns:
        the detector's address in the registry, or, of one that is not calibrated, what its run is called.
    """
    from pipeline.decision_record import send_decision
    from pipeline.detector.decision import DECISION_FILE
    from pipeline.models.detector_files import RUN_FILE, TRAINED

    if not (models / TRAINED / RUN_FILE).is_file():
        raise UserError(f"{models / TRAINED / RUN_FILE} is not there: nothing was trained yet")
    from pipeline.evaluate import send_evaluation  # which imports all that makes an evaluation
    from pipeline.records import read_evaluated, read_record, send_training
    from pipeline.run_store import needing_the_store
    from pipeline.tracking import RUN_KEY

    with needing_the_store():
        sent = f"run {send_training(models)}"
        if (models / DECISION_FILE).is_file():
            sent = send_decision(models)
        if read_evaluated(reports).get(RUN_KEY) == read_record(models)[RUN_KEY]:
            send_evaluation(models, reports)
    return sent


def main() -> None:
    """Parse the command line and do the chore."""
    parser = usage.parser(__doc__)
    chores = parser.add_subparsers(dest="chore", required=True)
    moving = chores.add_parser("relocate", help="mend the absolute paths after the repository was moved")
    moving.add_argument("--from", dest="earlier", help="where the repository was (read off the store)")
    sending = chores.add_parser("send", help="send what a lost server missed")
    sending.add_argument("--models", type=Path, default=Path("models"), help="the detector (models)")
    sending.add_argument("--reports", type=Path, default=Path("reports"), help="its evaluation (reports)")
    sending.add_argument("--audit", type=Path, metavar="REPORTS", help="send the audit in this folder alone")
    asked = parser.parse_args()
    with plain_errors():
        # After the arguments: --help answers at once.
        from pipeline.run_store import DATABASE, needing_the_store, repository, shown_address

        if asked.chore == "relocate":
            changed = relocate(repository() / DATABASE, repository(), asked.earlier)
            print(f"{changed} addresses now point into {repository()}")
        elif asked.audit is not None:
            from pipeline.audit import send_audit

            with needing_the_store():
                run_id = send_audit(asked.audit)
            print(f"run {run_id} holds the audit at {shown_address()}")
        else:
            print(f"{send(asked.models, asked.reports)} is complete at {shown_address()}")


if __name__ == "__main__":
    main()
