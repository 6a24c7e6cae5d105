"""The store of MLflow's runs: its address, its database, and what a user can do where it cannot be used."""

import contextlib
import logging
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import filelock

from pipeline.errors import UserError
from pipeline.surroundings import printable_lines

DATABASE = "mlflow.db"  # what `mlflow ui` opens where it is started


def repository() -> Path:
    """Return the repository's root: DVC names it, also where it runs a copy (`--temp`, `--queue`)."""
    return Path(os.environ.get("DVC_ROOT", "")).resolve() if os.environ.get("DVC_ROOT") else Path.cwd()


def git(*arguments: str) -> str | None:
    """Return what git answers in the working folder; None where it fails, or is not there."""
    try:
        answer = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def store_address() -> str:
    """Return `MLFLOW_TRACKING_URI` if set, else the SQLite file that `mlflow ui` opens with no flags.

    It may hold a password: what is printed is `shown_address`.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or _sqlite(repository() / DATABASE)


def _sqlite(path: Path) -> str:
    """Return the address of a database, named from the working folder where its name would end an address.

    Quoting helps nobody: SQLAlchemy reads `%3F`, and MLflow makes a folder of that name.
    """
    named = os.path.relpath(path) if set("?#%") & set(str(path)) else str(path)
    return f"sqlite:///{Path(named).as_posix()}"


def _is_ours() -> bool:
    """Return whether the store is the repository's own; MLflow sets `MLFLOW_TRACKING_URI` by itself."""
    return store_address() == _sqlite(repository() / DATABASE)


def shown_address() -> str:
    """Return the address of the store as it may be printed."""
    return without_password(store_address())


def where_runs_are_compared() -> str:
    """Return what to do to see the table of runs in a browser."""
    if store_address().startswith("http"):
        return f"open {shown_address()}"
    start = "make ui (= mlflow ui)" if _is_ours() else 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    return f"{start}, then open http://127.0.0.1:5000"


def without_password(text: str) -> str:
    """Return a text without user, password, query and fragment in addresses: any of them may be a secret.

    >>> without_password("API request to https://anna:secret@host:5000/api?token=secret failed")
    'API request to https://host:5000/api failed'
    """
    # As it was given first: spaces may be in it.
    _, _, given = os.environ.get("MLFLOW_TRACKING_URI", "").partition("://")
    if re.search("[?#].*@", given):  # of a password or of a query: nobody can tell
        text = text.replace(given, "…")
    user, at, rest = given.rpartition("@")
    for secret in (f"{user}{at}", *(f"{sign}{rest.partition(sign)[2]}" for sign in "?#")):
        if len(secret) > 1:
            text = text.replace(secret, "")
    text = re.sub(r"://\S*@", "://", re.sub(r"://[^\s?#]*[?#]\S*@\S*", "://…", text))
    # Libraries name what they asked for without the host, too: "with url: /?token=secret/api".
    return re.sub(r"\?[^\s?]\S*", "", re.sub(r"(://[^\s#]*)#\S*", r"\1", text))


def connect() -> Any:
    """Return a client of the store; its database is made first, by one process at a time and whole.

    Three processes that start on no database crash two of themselves, hence the lock. One that is killed
    while MLflow makes the tables would leave some, and no later one could go on. Raises NotRecorded where the
    store cannot be used.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # 7 block for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # 158 lines where a log is kept
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # its INFO lines are no news to a user
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # with the password that is in it
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its retries, told twice over
    import mlflow

    locks = repository() / ".locks"
    locks.mkdir(exist_ok=True)
    # An address is read by many libraries, each of which refuses it in its own way.
    with _as_not_recorded(Exception), filelock.FileLock(locks / "mlflow.lock"):
        database = repository() / DATABASE
        if _is_ours() and not database.exists():
            _create_database(database)
        mlflow.set_tracking_uri(store_address())
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
    return client


def _create_database(path: Path) -> None:
    """Make its tables in a file beside, and rename it when they are complete."""
    import mlflow

    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    mlflow.MlflowClient(_sqlite(partial)).search_experiments(max_results=1)
    partial.replace(path)


@contextlib.contextmanager
def tolerating_a_lost_store(doing: str, send_with: str = "") -> Iterator[None]:
    """Go on where nothing can be recorded, and print how to send the rest later.

    Args:
        doing: what is being done, for the message.
        send_with: arguments of the command that sends the rest.
    """
    try:
        with _as_not_recorded():
            yield
    except NotRecorded as error:
        message = (
            f"warning: {error.what} while {doing}. Nothing is lost: {error.remedy}, then send it with "
            f"python -m pipeline.runs send{send_with}"
        )
        print(printable_lines(message))


@contextlib.contextmanager
def needing_the_store() -> Iterator[None]:
    """Raise a UserError where the store cannot be used and nothing can be done without it."""
    with _as_not_recorded():
        yield


class NotRecorded(UserError):  # noqa: N818 - it says what is wrong, as UserError does
    """The store cannot be used: what is wrong, and what a user can do about it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


@contextlib.contextmanager
def _as_not_recorded(*also: type[Exception]) -> Iterator[None]:
    """Raise NotRecorded for all that goes wrong with a store, and for what is of the kinds in `also`."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    kinds: tuple[type[Exception], ...] = (MlflowException, SQLAlchemyError, OSError, ImportError, *also)
    try:
        yield
    except NotRecorded:
        raise
    except kinds as error:
        raise NotRecorded(*_what_and_remedy(error)) from error


def _what_and_remedy(error: Exception) -> tuple[str, str]:
    """Return what is wrong with the store, and what a user can do about it."""
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    scheme = store_address().partition(":")[0]
    if isinstance(error, ImportError):
        needed = f"the package {error.name}" if error.name else first_line(error)
        what = f"MLflow at {shown_address()} needs what is not installed here ({needed})"
        return what, "install it, or unset MLFLOW_TRACKING_URI to use the store of this repository"
    if isinstance(error, NoSuchModuleError) or "unsupported URI" in str(error):
        what = f"MLFLOW_TRACKING_URI={shown_address()} is of no kind that MLflow knows ({scheme}:)"
        return what, "write it as http://host:5000 or sqlite:///mlflow.db, or unset it"
    if isinstance(error, ValueError) and not _is_ours():
        what = f"MLFLOW_TRACKING_URI={shown_address()} is no address ({first_line(error)})"
        return what, "write it as http://host:5000 or sqlite:///mlflow.db, or unset it"
    what = f"MLflow at {shown_address()} did not answer ({first_line(error)})"
    if scheme in ("http", "https"):
        return what, "start its server, or unset MLFLOW_TRACKING_URI to use the store of this repository"
    if "maintenance mode" in str(error):
        what = f"MLflow keeps no runs in folders any more, such as {shown_address()}"
        return what, "name a database (MLFLOW_TRACKING_URI=sqlite:///mlflow.db) or unset MLFLOW_TRACKING_URI"
    if isinstance(error, SQLAlchemyError) and _is_ours():
        what = f"{repository() / DATABASE} is broken or no database of MLflow's ({first_line(error)})"
        return what, "move it away, and a new one is made"
    return what, "mend that, or unset MLFLOW_TRACKING_URI" if scheme != "sqlite" else "mend that"


def first_line(error: Exception) -> str:
    """Return what an exception says first, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return without_password(lines[0])[:200].rstrip(".")


def store_names(names: Iterable[str], most: int = 250) -> dict[str, str]:
    """Return for names of metrics or parameters those that MLflow takes, each another one.

    >>> store_names(["test/roc_auc", "collections/IMD (2020)/roc_auc", "collections/a?b"])
    {'test/roc_auc': 'test/roc_auc', 'collections/IMD (2020)/roc_auc': 'collections/IMD _2020_/roc_auc', \
'collections/a?b': 'collections/a_b'}
    """
    taken: dict[str, str] = {}
    for name in names:
        # It takes letters, digits and _ - . : / and spaces, as a path without "..", "//" and the like.
        parts = [re.sub(r"[^\w.\- :]", "_", part) for part in name.split("/")]
        allowed = "/".join(part if part.strip(".") else "_" for part in parts)[:most]
        while allowed in taken.values():
            allowed = f"{allowed[: most - 1]}_"
        taken[name] = allowed
    return taken
