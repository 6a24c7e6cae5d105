"""Says of pictures, as handed in, how probably they are fake.

    python -m pipeline.predict photo.jpg holiday/ --sort --csv answers.csv

PATH is a file, a folder (searched with its subfolders) or - (one picture, on standard input). Reads the
detector in `models/`; writes nothing but the tables that are asked for and, with --maps, a JPEG of each
picture beside what the detector saw where: light is tampered, dark is not. A line each: path, probability of
fake, verdict (fake, genuine, no trace found, unsure, cannot tell), and what it rests on where it says more
than that nothing was found. With --json one object a line: `path`, `probability_fake`, `verdict`, `reason`,
`p_value`, `p_values`, `threshold` and `map`, or `path` and `error`. Which detector it is, and how many
pictures got which verdict, is told beside (standard error). The exit status is 1 if any cannot be read.
"""

import itertools
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline import usage
from pipeline.errors import UserError, counted
from pipeline.stage import plain_errors
from pipeline.storage import local_path, replacing, what_is_there
from pipeline.surroundings import printable, printable_json

if TYPE_CHECKING:  # --help answers at once: what a detector needs is imported where one is asked
    import pandas as pd

    from pipeline.detector.detector import Detector, Judged

STANDARD_INPUT = "-"
_LARGE_MAP = 1600  # pixels of the longer side of a picture beside its map


class Asked(NamedTuple):
    """A picture that is asked about."""

    name: str
    original: Path | bytes


def predict(
    pictures: Sequence[Asked], detector: "Detector", maps: Path | None = None, *, save_again: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield a verdict on each of `pictures`, in order, as they are done; draw maps where a folder is named.

    With `save_again` what is called fake only as it is, or only after one more save, is `cannot tell`.

    Raises UserError where maps are wanted of a detector that has none.
    """
    answers = detector.verdicts(each.original for each in pictures)
    for number, (asked, judged) in enumerate(zip(pictures, answers, strict=True), 1):
        said = dict(judged.said)
        error = said.pop("error")
        if judged.picture is None:
            yield {"path": asked.name, "error": no_picture(asked.original) or error}
            continue
        if save_again:
            said = detector.saved_again(asked.original, said)
        drawn = {} if maps is None else {"map": str(_write_map(asked.name, judged, maps, number))}
        yield {"path": asked.name, **said, **drawn}


def _write_map(name: str, judged: "Judged", maps: Path, number: int) -> Path:
    """Write a picture beside its map; the number keeps pictures of one name apart."""
    from pipeline.reports.gallery import draw_map
    from pipeline.storage import fitting, write_bytes

    if judged.picture is None or judged.answer is None or judged.answer.map is None:
        raise UserError(
            "this detector says nothing of places, so it has no maps; train one that does, such as model=dct"
        )
    drawn = maps / fitting(f"{number:04}-{Path(name).stem}", ".jpg")
    write_bytes(drawn, draw_map(judged.picture.pixels_on_grid, judged.answer.map, _LARGE_MAP))
    return drawn


def expand(path: str) -> list[Asked]:
    """Return the pictures that `path` stands for: itself, or those in the folder and below it, sorted.

    Raises UserError for an address, and for standard input that is a terminal.
    """
    from pipeline.images.files import find_pictures

    if path == STANDARD_INPUT:
        if sys.stdin.isatty():
            raise UserError("PATH is -, standard input, which is the terminal; give a picture: < photo.jpg")
        return [Asked("standard input", sys.stdin.buffer.read())]
    where = local_path(path, "PATH")
    if not where.is_dir():
        return [Asked(path, where)]  # one that does not exist is answered with its error, as any other
    found, others = find_pictures(where, for_tables=False)
    for other in others:
        print(printable(f"{other.path} is passed over: {other.reason}"), file=sys.stderr)
    return [Asked(str(each), each) for each in found or [where]]  # an empty folder has its error too


def no_picture(original: Path | bytes) -> str | None:
    """Return why there is nothing to be read at a path; None where a file lies there."""
    from pipeline.images.files import ENDINGS

    if isinstance(original, bytes):
        return None if original else "standard input is empty; give a picture: < photo.jpg"
    if original.is_dir():
        endings = " ".join(itertools.chain(*ENDINGS.values()))
        return f"{original} holds no picture; names of pictures end in {endings}"
    return None if original.exists() else f"{original} is not there{what_is_there(original)}"


def _line(answer: dict[str, Any], width: int) -> str:
    if "error" in answer:
        return printable(f"error: {answer['error']}")  # which names the path
    from pipeline.detector.decision import GENUINE, NO_TRACE

    probability = answer["probability_fake"]
    number = f"{'-':>6}" if probability is None else f"{probability:6.4f}"
    line = f"{printable(answer['path']):<{width}}  {number}  {answer['verdict']}"
    return line if answer["verdict"] in (GENUINE, NO_TRACE) else f"{line}: {answer['reason']}"


def _by_suspicion(answer: dict[str, Any]) -> tuple[bool, float]:
    """Order answers by p-value, the most suspicious first, and what cannot be read last."""
    return "error" in answer, answer.get("p_value", 1.0)


def _closing(answers: Sequence[dict[str, Any]], seconds: float) -> str:
    """Return how many pictures got which verdict, and how fast."""
    from pipeline.detector.decision import CANNOT_TELL, FAKE, GENUINE, NO_TRACE, UNSURE

    counts = Counter(answer.get("verdict", "unreadable") for answer in answers)
    verdicts = [FAKE, UNSURE, CANNOT_TELL, NO_TRACE, GENUINE, "unreadable"]
    told = ", ".join(f"{counts[each]:,} {each}" for each in verdicts if counts[each])
    return f"{counted(len(answers), 'picture')}: {told}; {len(answers) / seconds:.2g} a second"


def answer_table(answers: Sequence[dict[str, Any]], detector: str) -> "pd.DataFrame":
    """Return answers as a table: a row a picture, a column `p_<test>` for each test.

    `detector` is the id of the one that answered, which stands in each row.
    """
    import pandas as pd

    rows = [
        {
            **{key: value for key, value in answer.items() if key != "p_values"},
            **{f"p_{test}": p for test, p in answer.get("p_values", {}).items()},
            "path": answer["path"].encode("utf-8", "backslashreplace").decode(),
            "detector": detector,
        }
        for answer in answers
    ]
    first = ["path", "verdict", "probability_fake", "reason", "p_value", "threshold", "error", "detector"]
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*first, *(name for name in table if name not in first)])


def _write_tables(
    answers: Sequence[dict[str, Any]], detector: str, csv: Path | None, parquet: Path | None
) -> None:
    from pipeline.storage import write_csv

    table = answer_table(answers, detector)
    if csv is not None:
        write_csv(csv, table)
    if parquet is not None:
        import pyarrow.parquet  # noqa: F401  pandas would say less of what is missing

        with replacing(parquet) as partial:
            table.to_parquet(partial, index=False)


def _print(line: str, *, wrapped: bool) -> None:
    """Print a line below or above a bar; on a terminal it is wrapped, so that its parts stay together."""
    from tqdm import tqdm

    if wrapped:
        columns = max(shutil.get_terminal_size().columns, 40)
        if len(line) > columns:
            line = textwrap.fill(line, columns, subsequent_indent="    ", break_on_hyphens=False)
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def main() -> None:
    """Parse the command line and answer."""
    parser = usage.parser(__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, or -")
    parser.add_argument("--sort", action="store_true", help="the most suspicious first, once all are done")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--csv", metavar="FILE", help="write the answers as a table")
    parser.add_argument("--parquet", metavar="FILE", help="the same as Parquet")
    parser.add_argument("--maps", metavar="FOLDER", help="draw what the detector saw where")
    usage.add_detector_options(parser)
    parser.add_argument(
        "--save-again", action="store_true", help="judge it saved once more, too: what flips is `cannot tell`"
    )
    asked = parser.parse_args()
    with plain_errors():
        files = {
            name: local_path(getattr(asked, name), f"--{name}") if getattr(asked, name) else None
            for name in ("csv", "parquet", "maps")
        }
        models = local_path(asked.models, "--models")
        pictures = [each for path in asked.paths for each in expand(path)]
        failed = _answer(pictures, models, files, asked)
    sys.exit(1 if failed else 0)


def _answer(pictures: Sequence[Asked], models: Path, files: dict[str, Path | None], asked: Any) -> bool:
    """Answer on the terminal and in the files; return whether a picture could not be read."""
    from pipeline.detector.detector import Detector
    from pipeline.parallel import shown

    detector = Detector.load(models, asked.false_alarms)
    print("\n".join(detector.about.lines()), file=sys.stderr, flush=True)
    width = min(60, max(len(each.name) for each in pictures))

    def write(answer: dict[str, Any]) -> None:
        line = printable_json(answer) if asked.json else _line(answer, width)
        _print(line, wrapped=sys.stdout.isatty() and not asked.json)

    began, answers = time.perf_counter(), list[dict[str, Any]]()
    found = predict(pictures, detector, files["maps"], save_again=asked.save_again)
    for answer in shown(found, len(pictures), "predict"):
        answers.append(answer)
        if not asked.sort:
            write(answer)
    for answer in sorted(answers, key=_by_suspicion) if asked.sort else ():
        write(answer)
    _write_tables(answers, detector.about.id, files["csv"], files["parquet"])
    print(_closing(answers, time.perf_counter() - began), file=sys.stderr)
    for name, path in files.items():
        if path is not None:
            print(f"{name}  {path}", file=sys.stderr)
    return any("error" in answer for answer in answers)


if __name__ == "__main__":
    main()
