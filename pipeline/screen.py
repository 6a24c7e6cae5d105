"""Screens an archive: every picture of a folder or a list judged, in parts that can be gone on from.

    python -m pipeline.screen /abs/scans
    python -m pipeline.screen list.parquet --maps --scheduler tls://host:8786

SOURCE is a folder (searched with its subfolders), a text with a path a line, a Parquet file with a column
`path`, or an address of one of them that fsspec opens (s3://bucket/scans). Reads the detector in `models/`.
Writes `screened/NAME/`: `answers/`, a Parquet dataset (path, sha256, probability, verdict, reason, width,
height, format, detector), `screening.html`, a page with counts, the false alarms to be expected and the
hundred most suspicious, `summary.json`, and with --maps what the detector saw in those that are fake or
unsure. The same bytes are looked at once. Stopped or killed, the same command goes on; when all is done it
does nothing.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline import usage
from pipeline.errors import counted
from pipeline.stage import plain_errors
from pipeline.storage import local_path
from pipeline.surroundings import printable

SCREENED = Path("screened")
SUMMARY = "summary.json"


def screen(source: str, output: Path, models: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Screen, and write the summary where something is new; return it."""
    from pipeline.config import Compute
    from pipeline.detector.detector import Detector, require_detector
    from pipeline.reports.gallery import draw_map
    from pipeline.reports.screening_page import PAGE, write_page
    from pipeline.screening import screening
    from pipeline.screening.looking import MAPS, Plan
    from pipeline.screening.tally import tally
    from pipeline.storage import read_json, write_json

    require_detector(models)
    detector = Detector.load(models, asked.false_alarms, threads=1)
    decision, told = detector.decision, detector.about
    assert told is not None  # that of a folder says what it is
    maps = str((output / MAPS).absolute()) if asked.maps else None
    plan = Plan(str(models.absolute()), asked.false_alarms, told.id, maps, draw_map if maps else None)
    settings = {"false_alarms": decision.false_alarms, "maps": asked.maps}
    backend = "dask" if asked.scheduler else "local"
    compute = Compute.model_validate(
        {"backend": backend, "workers": asked.workers, "scheduler": asked.scheduler}
    )
    progress = screening.screen(source, output, plan, settings, compute)
    summary = output / SUMMARY
    if progress.now or not summary.is_file() or not (output / PAGE).is_file():
        figures = tally(output, decision)
        about = {
            "source": source,
            "detector": told,
            "threshold": decision.threshold,
            "passed_over": progress.passed_over,
        }
        write_page(output, figures, about)
        write_json(summary, {**figures._asdict(), "expected": figures.expected._asdict()})
    return {**read_json(summary, "remove it and start again", "pictures"), "progress": progress}


def main() -> None:
    """Parse the command line, screen and say what came of it."""
    parser = usage.parser(__doc__)
    parser.add_argument("source", metavar="SOURCE", help="a folder, a list of paths, or an address of either")
    parser.add_argument(
        "--output", metavar="FOLDER", help="where the answers go (screened/NAME of the source)"
    )
    parser.add_argument(
        "--maps", action="store_true", help="draw what the detector saw in suspicious pictures"
    )
    parser.add_argument("--models", default="models", help="folder of the detector (models)")
    parser.add_argument(
        "--false-alarms", type=float, metavar="SHARE", help="of genuine pictures that may be called fake"
    )
    parser.add_argument("--workers", type=int, help="processes (one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that does the work")
    asked = parser.parse_args()
    with plain_errors():
        from pipeline.screening.archive import name_of

        output = local_path(asked.output, "--output") if asked.output else SCREENED / name_of(asked.source)
        summary = screen(asked.source, output, local_path(asked.models, "--models"), asked)
        progress, pictures = summary["progress"], summary["pictures"]
        if not progress.now:
            print(f"all of it was done before; {counted(progress.earlier, 'picture')} in {printable(output)}")
        print(", ".join(f"{number:,} {verdict}" for verdict, number in pictures.items()))
        print(f"\nanswers  {printable(output / 'answers')}\npage     {printable(output / 'screening.html')}")
    sys.exit(0)


if __name__ == "__main__":
    main()
