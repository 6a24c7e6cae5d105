"""What happens to a picture that is dropped: it is judged, or examined and its page kept for a while."""

import secrets
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from pipeline.detector.detector import Detector
from pipeline.errors import UserError
from pipeline.examination.examination import examine
from pipeline.images.files import LIMITS, Limits
from pipeline.images.read import read
from pipeline.reports.examination_page import examination_page
from pipeline.storage import write_text

_KEPT = 100  # pages, after which the oldest is deleted
_UNREADABLE = "cannot be read"


class Shown(NamedTuple):
    """What is said of a picture.

    Attributes:
        name: of its file.
        verdict: or that it cannot be read.
        reason: what that rests on.
        p_value: share of genuine pictures that look as suspicious; None where nothing is said.
        page: what its page is asked for by; "" where it has none.
    """

    name: str
    verdict: str
    reason: str
    p_value: float | None = None
    page: str = ""

    @property
    def order(self) -> float:
        """What tables are sorted by: the most suspicious first, those without an answer last."""
        return 3.0 if self.verdict == _UNREADABLE else 2.0 if self.p_value is None else self.p_value


class Desk:
    """A detector and the pages that were made by it; a page is found by a name that nobody can guess."""

    def __init__(self, detector: Detector, folder: Path, limits: Limits = LIMITS) -> None:
        self.detector = detector
        self._folder = folder
        self._limits = limits
        self._pages: OrderedDict[str, str] = OrderedDict()

    def examine(self, path: Path, against: Path | None = None) -> Shown:
        """Make the page of a picture, and keep it."""
        try:
            found = examine(self.detector, path, path.name, against=against, limits=self._limits)
            options = [] if against is None else ["--against", against.name]
            command = ["fakes", "examine", path.name, *options]
            token = secrets.token_urlsafe(16)
            write_text(self._file(token), examination_page(self.detector, found, command))
        except UserError as error:
            return Shown(path.name, _UNREADABLE, self._in_words(error, path))
        self._pages[token] = path.name
        while len(self._pages) > _KEPT:
            oldest, _ = self._pages.popitem(last=False)
            self._file(oldest).unlink(missing_ok=True)
        return Shown(path.name, found.said["verdict"], found.said["reason"], found.said["p_value"], token)

    def judge(self, path: Path) -> Shown:
        """Say what `predict` says of a picture."""
        try:
            said = self.detector.look(read(path, self._limits).content).said
        except UserError as error:
            return Shown(path.name, _UNREADABLE, self._in_words(error, path))
        if said["error"] is not None:
            return Shown(path.name, _UNREADABLE, str(said["error"]))
        return Shown(path.name, said["verdict"], said["reason"], said["p_value"])

    def page(self, token: str) -> tuple[str, Path] | None:
        """Return the name of the picture and the page that was made of it; None where there is none."""
        name = self._pages.get(token)
        return None if name is None else (name, self._file(token))

    def _file(self, token: str) -> Path:
        return self._folder / f"{token}.html"

    def _in_words(self, error: UserError, path: Path) -> str:
        """Return an error without the folder of this machine."""
        words = str(error).replace(f"{path.parent}/", "").removeprefix(f"{path.name} cannot be read: ")
        return words.replace("--max_", "--max-")  # as limits are called here
