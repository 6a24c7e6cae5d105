"""Says of pictures, as handed in, how probably they are fake.

    python -m pipeline.predict photo.jpg holiday/ --maps seen

PATH is a file or a folder (searched with its subfolders). Reads the detector in `models/`; writes nothing
but, with --maps, a JPEG of each picture beside what the detector saw where: light is tampered, dark is not.
A line each: path, probability of fake, verdict (fake, genuine, no trace found, unsure, cannot tell), and
what it rests on where it says more than that nothing was found. With --json one object a line: `path`,
`probability_fake`, `verdict`, `reason`, `p_value`, `p_values`, `threshold` and `map`, or `path` and `error`.
A file that cannot be read is said and the rest answered; the exit status is 1 if any failed.
"""

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import usage
from pipeline.errors import UserError
from pipeline.stage import plain_errors
from pipeline.storage import local_path, what_is_there
from pipeline.surroundings import printable, printable_json

if TYPE_CHECKING:  # --help answers at once: what a detector needs is imported where one is asked
    from pipeline.detector.inference import Answer


def predict(
    pictures: Sequence[Path], models: Path, maps: Path | None = None, *, save_again: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield a verdict on each of `pictures`, in order, as they are done; draw maps where a folder is named.

    With `save_again` what is called fake only as it is, or only after one more save, is `cannot tell`.

    Raises UserError where there is no detector in `models`, or maps are wanted of one that has none.
    """
    from pipeline.detector.detector import Detector, require_detector

    require_detector(models)
    detector = Detector.load(models)
    judged = zip(pictures, detector.verdicts(pictures), strict=True)
    for number, (path, (verdict, _, answer, _)) in enumerate(judged, 1):
        error = verdict.pop("error")
        if save_again and answer is not None:
            verdict = detector.saved_again(path, verdict)
        if answer is None:
            yield {"path": str(path), "error": _no_picture(path) or error}
        elif maps is None:
            yield {"path": str(path), **verdict}
        else:
            yield {"path": str(path), **verdict, "map": str(_write_map(path, answer, maps, number))}


def _write_map(path: Path, answer: "Answer", maps: Path, number: int) -> Path:
    """Write a picture beside its map; the number keeps pictures of one name apart."""
    from pipeline.detector.inference import NATIVE
    from pipeline.inputs.load import load
    from pipeline.reports.gallery import jpeg, panel
    from pipeline.storage import fitting, write_bytes

    if answer.map is None:
        raise UserError(
            "this detector says nothing of places, so it has no maps; train one that does, such as model=dct"
        )
    drawn = maps / fitting(f"{number:04}-{path.stem}", ".jpg")
    write_bytes(drawn, jpeg(panel(load(path, NATIVE).pixels, answer.map, None)))
    return drawn


def expand(path: Path) -> list[Path]:
    """Return the pictures that `path` stands for: itself, or those in the folder and below it, sorted."""
    from pipeline.images.files import find_pictures

    if not path.is_dir():
        return [path]  # one that does not exist is answered with its error, as any unreadable file
    found, others = find_pictures(path, for_tables=False)
    for other in others:
        print(printable(f"{other.path} is passed over: {other.reason}"), file=sys.stderr)
    return found or [path]  # an empty folder is answered with its error too


def _no_picture(path: Path) -> str | None:
    """Return why there is nothing to be read at `path`; None where a file lies there."""
    from pipeline.images.files import ENDINGS

    if path.is_dir():
        endings = " ".join(itertools.chain(*ENDINGS.values()))
        return f"{path} holds no picture; names of pictures end in {endings}"
    return None if path.exists() else f"{path} is not there{what_is_there(path)}"


def _line(answer: dict[str, Any], width: int) -> str:
    if "error" in answer:
        return printable(f"error: {answer['error']}")  # which names the path
    from pipeline.detector.decision import GENUINE, NO_TRACE

    line = f"{printable(answer['path']):<{width}}  {answer['probability_fake']:6.4f}  {answer['verdict']}"
    return line if answer["verdict"] in (GENUINE, NO_TRACE) else f"{line}: {answer['reason']}"


def main() -> None:
    """Parse the command line and answer."""
    parser = usage.parser(__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a picture or a folder of pictures")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--maps", metavar="FOLDER", help="draw what the detector saw where")
    parser.add_argument(
        "--save-again", action="store_true", help="judge it saved once more, too: what flips is `cannot tell`"
    )
    parser.add_argument("--models", default="models", help="folder of the detector (models)")
    asked = parser.parse_args()
    failed = False
    with plain_errors():
        models = local_path(asked.models, "--models")
        maps = local_path(asked.maps, "--maps") if asked.maps else None
        pictures = [each for path in asked.paths for each in expand(local_path(path, "PATH"))]
        width = min(60, max(len(str(path)) for path in pictures))
        for answer in predict(pictures, models, maps, save_again=asked.save_again):
            failed = failed or "error" in answer
            print(printable_json(answer) if asked.json else _line(answer, width), flush=True)
        if maps and not asked.json:
            print(f"\nmaps  {maps}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
