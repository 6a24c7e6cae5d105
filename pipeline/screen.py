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
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline import usage
from pipeline.errors import counted
from pipeline.stage import plain_errors
from pipeline.storage import local_path
from pipeline.surroundings import printable

if TYPE_CHECKING:  # --help answers at once: what a detector needs is imported where one is asked
    from pipeline.detector.detector import Detector
    from pipeline.screening.screening import Progress

SCREENED = Path("screened")
SUMMARY = "summary.json"
_MAP = 800  # pixels of the longer side of a picture beside its map


def screen(source: str, output: Path, models: Path, asked: argparse.Namespace) -> None:
    """Screen, write the summary where something is new, and say what came of it."""
    import pyarrow.parquet  # noqa: F401  what is missing is said before anything is looked at

    from pipeline.config import Compute
    from pipeline.detector.detector import Detector
    from pipeline.reports.gallery import draw_map
    from pipeline.screening import screening
    from pipeline.screening.looking import MAPS, Plan

    detector = Detector.load(models, asked.false_alarms, threads=1)
    print("\n".join(detector.about.lines()), file=sys.stderr, flush=True)
    maps = str((output / MAPS).absolute()) if asked.maps else None
    draw = partial(draw_map, longest=_MAP) if maps else None
    plan = Plan(str(models.absolute()), asked.false_alarms, detector.about.id, maps, draw)
    settings = {"false_alarms": detector.decision.false_alarms, "maps": asked.maps}
    backend: Literal["local", "dask"] = "dask" if asked.scheduler else "local"
    compute = Compute(backend=backend, workers=asked.workers, scheduler=asked.scheduler)
    try:
        progress = screening.screen(source, output, plan, settings, compute)
        if not progress.now:
            print("Nothing is new: every picture has its answer.")
        _summarise(source, output, detector, progress)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(screening.GOES_ON)
        raise


def _summarise(source: str, output: Path, detector: "Detector", progress: "Progress") -> None:
    """Print the counts; write page and figures where answers are new or they are missing."""
    from pipeline.reports.screening_page import PAGE, write_page
    from pipeline.screening.answers import ANSWERS
    from pipeline.screening.tally import tally
    from pipeline.storage import read_json, write_json

    summary = output / SUMMARY
    if progress.now or not summary.is_file() or not (output / PAGE).is_file():
        figures = tally(output, detector.decision)
        about = {
            "source": source,
            "detector": detector.about,
            "threshold": detector.decision.threshold,
            "passed_over": progress.passed_over,
        }
        write_page(output, figures, about)
        write_json(summary, {**figures._asdict(), "expected": figures.expected._asdict()})
    counts = Counter(
        read_json(summary, "remove it, and start the same command again", "pictures")["pictures"]
    )
    told = ", ".join(f"{number:,} {verdict}" for verdict, number in counts.most_common())
    print(f"{counted(counts.total(), 'picture')}: {told}\n")
    print(f"answers  {printable(output / ANSWERS)}\npage     {printable(output / PAGE)}")


def _processes(text: str) -> int:
    """Return a number of processes from the command line."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_024:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number from 1 to 1024")
    return int(text)


def main() -> None:
    """Parse the command line and screen."""
    parser = usage.parser(__doc__)
    parser.add_argument("source", metavar="SOURCE", help="a folder, a list of paths, or an address of either")
    parser.add_argument("--output", metavar="FOLDER", help="where the answers go (screened/NAME)")
    parser.add_argument("--maps", action="store_true", help="draw what the detector saw in suspicious ones")
    usage.add_detector_options(parser)
    parser.add_argument("--workers", type=_processes, help="processes on this machine (one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that is to do the work")
    asked = parser.parse_args()
    with plain_errors():
        from pipeline.screening.archive import name_of

        models = local_path(asked.models, "--models")
        output = local_path(asked.output, "--output") if asked.output else SCREENED / name_of(asked.source)
        screen(asked.source, output, models, asked)


if __name__ == "__main__":
    main()
