"""The program `fakes`: `fakes predict photo.jpg` is `python -m pipeline.predict photo.jpg`."""

import difflib
import runpy
import sys

from pipeline.errors import not_installed
from pipeline.usage import CONF, KEYS, WITHOUT_CONFIGURATION, end_with_reader, overview


def main() -> None:
    """Run the command that is named; without one, list them."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        end_with_reader()
        print(overview())
        return
    name = sys.argv.pop(1)
    if name not in KEYS:
        close = difflib.get_close_matches(name, KEYS, n=1)
        meant = f", perhaps {close[0]}" if close else ""
        _stop(f"there is no command {name!r}{meant}; fakes --help lists them")
    if name not in WITHOUT_CONFIGURATION and not CONF.is_dir():
        _stop(f"{name} works in a checkout of the project, which has conf/ and dvc.yaml; here are none")
    try:
        runpy.run_module(f"pipeline.{name}", run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        _stop(not_installed(error))


def _stop(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
