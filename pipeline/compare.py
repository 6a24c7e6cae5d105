"""Says whether one detector is better than another on the same test pictures.

    python -m pipeline.compare RUN[,RUN…] RUN[,RUN…]
    python -m pipeline.compare score/mine reports/evaluation

RUN is an MLflow run: its id, the start of it, or its name; or a folder with `predictions.csv`:
`reports/evaluation`, `score/<name>`, `multirun/…/reports/evaluation`. Several, separated by commas, are
trainings of one detector with different seeds: their figures are averaged. Intervals of the difference come
from a paired bootstrap over groups of pictures. Writes nothing.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import usage
from pipeline.errors import UserError
from pipeline.stage import plain_errors

if TYPE_CHECKING:  # --help answers at once: what a comparison needs is imported where one is made
    import pandas as pd

DRAWS, CONFIDENCE, SEED = 1000, 0.95, 20


def predictions_of(runs: str) -> tuple[list["pd.DataFrame"], str]:
    """Read the predictions of runs or folders, separated by commas, and how a person calls these.

    Raises:
        UserError: there are none.
    """
    import pandas as pd

    from pipeline.evaluation.results import PREDICTIONS
    from pipeline.tracking import fetch_file, find_run

    tables, names = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for run in runs.split(","):
            path, name = Path(run) / PREDICTIONS, run
            if not Path(run).is_dir():
                run_id, name = find_run(run)
                path = fetch_file(run_id, f"evaluation/{PREDICTIONS}", Path(temporary))
            elif not path.is_file():
                raise UserError(
                    f"{path} is not there; name the folder of an evaluation, such as reports/evaluation"
                )
            tables.append(pd.read_csv(path, keep_default_na=False))
            names.append(name)
    return tables, ", ".join(names)


def main() -> None:
    """Parse the command line and compare."""
    parser = usage.parser(__doc__)
    parser.add_argument("first", metavar="RUN[,RUN…]", help="MLflow run ids or folders of evaluations")
    parser.add_argument("second", metavar="RUN[,RUN…]", help="the others")
    parser.add_argument("--bootstrap", type=int, default=DRAWS, help="draws of groups (1000)")
    parser.add_argument("--confidence", type=float, default=CONFIDENCE, help="of the intervals (0.95)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the draws (20)")
    asked = parser.parse_args()
    with plain_errors():
        from pipeline.checking import check
        from pipeline.config import Evaluate
        from pipeline.evaluation.bootstrap import Bootstrap
        from pipeline.evaluation.comparison import compare
        from pipeline.reports.terminal import comparison_table

        measuring = {"bootstrap": asked.bootstrap, "confidence": asked.confidence, "robustness": None}
        settings = check(Evaluate, measuring, "--")
        (first, one), (second, other) = predictions_of(asked.first), predictions_of(asked.second)
        rows = compare(first, second, Bootstrap.of(settings, asked.seed))
        print("\n".join([f"first:  {one}", f"second: {other}", "", comparison_table(rows, asked.confidence)]))


if __name__ == "__main__":
    main()
