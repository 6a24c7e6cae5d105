"""Shows all there is to show of a picture, in one HTML file: from the verdict to what its file says.

    python -m pipeline.examine photo.jpg
    python -m pipeline.examine photo.jpg --against original.jpg --pdf

PICTURE is a file or a folder. Reads the detector in `models/`; writes `examined/photo.jpg.html`, which needs
no other file and asks nothing of any server, and beside it `examined/photo.jpg.maps/` with the map of each
test as NPY and PNG. --against lays a picture that is claimed to be the original on it and shows where they
differ. What the file says of itself, Content Credentials among it, is shown beside the verdict and never goes
into it. A file that cannot be read is said and the rest answered; the exit status is 1 if any failed.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import usage
from pipeline.errors import UserError
from pipeline.predict import Asked, expand, no_picture
from pipeline.stage import plain_errors
from pipeline.storage import fitting, local_path, replacing_folder, write_text
from pipeline.surroundings import printable

if TYPE_CHECKING:  # --help answers at once
    from pipeline.detector.detector import Detector
    from pipeline.examination.examination import Examination

TO = "examined"


def names_of(pictures: Sequence[Asked]) -> list[str]:
    """Return a name for the page of each picture, without its ending; pictures of one name are numbered.

    >>> names_of([Asked("a/x.jpg", b""), Asked("b/x.jpg", b""), Asked("y.png", b"")])
    ['x.jpg', 'x.jpg-2', 'y.png']
    """
    seen: Counter[str] = Counter()
    names = []
    for asked in pictures:
        name = Path(asked.name).name
        seen[name] += 1
        names.append(fitting(name if seen[name] == 1 else f"{name}-{seen[name]}", most=200))
    return names


def examine_all(
    pictures: Sequence[Asked],
    detector: "Detector",
    folder: Path,
    *,
    against: Path | None = None,
    trusted: str | None = None,
    options: Sequence[str] = (),
    browser: str = "",
) -> Iterator["tuple[Asked, tuple[Path, Examination] | UserError]"]:
    """Write a page for each picture; yield it with what was found, or why there is none, as they are done.

    Args:
        pictures: that are asked about.
        detector: that judges them.
        folder: of the pages.
        against: a file that is claimed to be the original of each.
        trusted: certificates (PEM) whose Content Credentials are trusted.
        options: of the command, to be shown on the page.
        browser: that prints each page too; "": none does.
    """
    from pipeline.examination.examination import examine
    from pipeline.images.files import Unreadable
    from pipeline.reports.examination_page import examination_page, write_maps
    from pipeline.reports.printing import print_to_pdf

    for asked, name in zip(pictures, names_of(pictures), strict=True):
        try:
            found = examine(detector, asked.original, Path(asked.name).name, against=against, trusted=trusted)
        except Unreadable as error:
            why = no_picture(asked.original)
            yield asked, error if why is None else UserError(why)
            continue
        page, maps = folder / f"{name}.html", folder / f"{name}.maps"
        with replacing_folder(maps) as partial:
            write_maps(partial, found)
        command = ["fakes", "examine", asked.name, *options]
        write_text(page, examination_page(detector, found, command, maps.name))
        if browser:
            print_to_pdf(page, page.with_suffix(".pdf"), browser)
        yield asked, (page, found)


def main() -> None:
    """Parse the command line and write a page for each picture."""
    parser = usage.parser(__doc__)
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="a picture, a folder of pictures, or -"
    )
    parser.add_argument("--to", default=TO, metavar="FOLDER", help=f"where the pages go ({TO})")
    parser.add_argument("--against", metavar="FILE", help="a picture that is claimed to be the original")
    parser.add_argument("--pdf", action="store_true", help="print it too, by a browser of this machine")
    parser.add_argument(
        "--trusted", metavar="FILE", help="certificates (PEM) whose Content Credentials are trusted"
    )
    usage.add_detector_options(parser)
    asked = parser.parse_args()
    with plain_errors():
        failed = _write(asked, [word for word in sys.argv[1:] if word not in asked.pictures])
    sys.exit(1 if failed else 0)


def _write(asked: Any, options: Sequence[str]) -> bool:
    """Write the pages and say so; return whether a picture could not be read."""
    folder, models = local_path(asked.to, "--to"), local_path(asked.models, "--models")
    against = local_path(asked.against, "--against") if asked.against else None
    pictures = [each for path in asked.pictures for each in expand(path)]
    from pipeline.detector.detector import Detector
    from pipeline.examination.credentials import read_trusted
    from pipeline.reports.printing import find_browser

    browser = find_browser() if asked.pdf else ""
    trusted = read_trusted(local_path(asked.trusted, "--trusted")) if asked.trusted else None
    detector = Detector.load(models, asked.false_alarms)
    print("\n".join(detector.about.lines()), file=sys.stderr, flush=True)
    failed = False
    done = examine_all(
        pictures, detector, folder, against=against, trusted=trusted, options=options, browser=browser
    )
    for each, outcome in done:
        failed = failed or isinstance(outcome, UserError)
        if isinstance(outcome, UserError):
            print(printable(f"error: {outcome}"), flush=True)
            continue
        page, found = outcome
        said = f"{found.said['verdict']}: {found.said['reason']}"
        print(f"{printable(each.name)}  {printable(said)}\n    {printable(page)}", flush=True)
    return failed


if __name__ == "__main__":
    main()
