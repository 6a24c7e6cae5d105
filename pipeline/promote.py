"""Makes a detector the champion: the one that `models:/detector@champion` stands for.

    python -m pipeline.promote RUN

RUN is an MLflow run (its id, the start of it, or its name), or a version such as models:/detector/3. It is
compared with the champion on the test pictures of both, as `python -m pipeline.compare` does. One whose ROC
AUC or balanced accuracy is worse, beyond the interval of the difference, or that was tested on other
pictures, is refused, unless with --anyway. Of the first there is nothing to compare it with.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import usage
from pipeline.compare import CONFIDENCE, DRAWS, SEED
from pipeline.errors import UserError
from pipeline.stage import plain_errors

if TYPE_CHECKING:  # --help answers at once
    import pandas as pd

_ANYWAY = "to promote it even so: --anyway"


def promote(run: str, *, anyway: bool = False) -> str:
    """Make the detector of `run` the champion; return what is to be said of it.

    Raises:
        UserError: there is no such detector, it was not evaluated, or, unless `anyway`, it is worse than the
            champion or cannot be compared with it.
    """
    from pipeline import registry
    from pipeline.run_store import connect, needing_the_store

    with needing_the_store():
        client = connect()
        version, before = registered_version(client, run), registry.champion(client)
        address = registry.address_of(version)
        if before is not None and before.version == version.version:
            return f"{address} is the champion already"
        said = [] if before is None else _against(version, before, anyway=anyway)
        if before is None and not anyway:
            tested_predictions(version)  # of a champion it is known how good it is
        registry.promote(client, version)
    said.append(f"{registry.CHAMPION_ADDRESS} is {address} now")
    said += [] if before is None else [f"it was {registry.address_of(before)}"]
    return "\n".join(said)


def _against(version: Any, champion: Any, *, anyway: bool) -> list[str]:
    """Compare with the champion; return the table as lines, or raise UserError for what is not as good."""
    from pipeline.evaluation.bootstrap import Bootstrap
    from pipeline.evaluation.comparison import compare, worse_by
    from pipeline.registry import address_of
    from pipeline.reports.terminal import comparison_table

    new, old = address_of(version), address_of(champion)
    try:
        tables = [tested_predictions(each) for each in (version, champion)]
        rows = compare(tables[:1], tables[1:], Bootstrap(DRAWS, CONFIDENCE, SEED))
    except UserError as error:
        if anyway:
            return [f"not compared with the champion, {old}: {error}", ""]
        raise UserError(f"{new} cannot be compared with the champion, {old}: {error}; {_ANYWAY}") from error
    table = f"first:  {new}\nsecond: {old}, the champion\n\n{comparison_table(rows, CONFIDENCE)}\n"
    worse = worse_by(rows)
    if worse and not anyway:
        print(table)
        metrics = " and by ".join(worse)
        raise UserError(f"{new} is worse than the champion, {old}, by {metrics}; {_ANYWAY}")
    return [table]


def registered_version(client: Any, run: str) -> Any:
    """Return the version in the registry that `run` stands for.

    Raises:
        UserError: there is none.
    """
    from pipeline import registry
    from pipeline.tracking import find_run

    if run.startswith("models:/"):
        return registry.version_at(client, run)
    run_id, called = find_run(run)
    version = registry.newest_of(client, run_id) if run_id.isalnum() else None  # a quote ends the search
    if version is None:
        from pipeline.run_store import shown_address

        raise UserError(
            f"no detector of {called} is registered at {shown_address()}: there is no such run, it was not "
            "calibrated, or an earlier version of this program made it; python -m pipeline.runs send "
            "registers the one in models/, mlflow ui lists the runs"
        )
    return version


def tested_predictions(version: Any) -> "pd.DataFrame":
    """Return a version's answers for the test pictures.

    Raises:
        UserError: it was not evaluated.
    """
    import pandas as pd

    from pipeline.evaluation.results import PREDICTIONS
    from pipeline.registry import address_of
    from pipeline.tracking import fetch_beside

    with tempfile.TemporaryDirectory() as folder:
        path = fetch_beside(address_of(version), PREDICTIONS, Path(folder))
        if path is None:
            raise UserError(
                f"{address_of(version)} was not evaluated: python -m pipeline.evaluate, or, where MLflow was "
                "away then, python -m pipeline.runs send"
            )
        return pd.read_csv(path, keep_default_na=False)


def main() -> None:
    """Parse the command line and promote."""
    parser = usage.parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="MLflow run, or models:/detector/VERSION")
    parser.add_argument("--anyway", action="store_true", help="also one that is worse, or cannot be compared")
    asked = parser.parse_args()
    with plain_errors():
        print(promote(asked.run, anyway=asked.anyway))


if __name__ == "__main__":
    main()
