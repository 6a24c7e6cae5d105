"""A page as PDF, printed by a browser without a window where this machine has one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pipeline.errors import UserError
from pipeline.storage import replacing

_BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
_SECONDS = 180


def find_browser() -> str:
    """Return the browser that prints; raise UserError where there is none."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise UserError(
        "--pdf prints through Chromium, Chrome or Edge, and none was found; install one (apt-get install "
        "chromium), or open the HTML file and print it"
    )


def print_to_pdf(page: Path, target: Path, browser: str) -> None:
    """Print an HTML file to the PDF `target`; nothing is fetched meanwhile.

    Raises:
        UserError: the browser does not, or not within three minutes.
    """
    with tempfile.TemporaryDirectory() as profile, replacing(target) as partial:
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}",
            f"--print-to-pdf={partial.absolute()}", page.absolute().as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # where root runs it, as in containers
            command.insert(1, "--no-sandbox")
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"{browser} did not print {page} within {_SECONDS} s; print it by hand"
            ) from error
        if ended.returncode or not partial.is_file():
            last = (ended.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
            raise UserError(f"{browser} did not print {page} ({last}); open it and print it by hand")
