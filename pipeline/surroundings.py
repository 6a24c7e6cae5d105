"""What a user's machine has set for others: it changes no result, and nothing printed acts on its terminal.

What we need of Keras and matplotlib is set here; what `~/.keras/keras.json`, `KERAS_BACKEND`, `MPLBACKEND`
(of Jupyter, Colab and Kaggle) or a `matplotlibrc` say is meant for other programs.
"""

import codecs
import importlib.util
import json
import logging
import os
import re
import sys
import tempfile
import unicodedata
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

# Characters that act on a terminal or turn the order of others: controls, line ends, marks of direction; and
# what stands for bytes of a name that are no UTF-8.
_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # surrogates that stand for a byte each (PEP 383)
# Of the compiler that TensorFlow may use by itself: a word that it does not know ends the process.
_COMPILER_FLAGS = ("TF_XLA_FLAGS", "TF_JITRT_FLAGS")
_PLAIN = str.maketrans({"–": "-", "—": "-", "−": "-", "×": "x", "·": ".", "≥": ">=", "≤": "<=", "±": "+-"})


def settle_keras() -> None:
    """Import Keras upon TensorFlow, as it is without any settings of the user's.

    Raises UserError where another backend is in use already.
    """
    if "keras" not in sys.modules:
        for name in (each for each in [*os.environ] if each.startswith("KERAS_") and each != "KERAS_HOME"):
            del os.environ[name]  # KERAS_MAX_EPOCHS and the like
        os.environ["KERAS_BACKEND"] = "tensorflow"
        for name in _COMPILER_FLAGS:
            os.environ.pop(name, None)
        _import_keras()
    import keras

    if keras.config.backend() != "tensorflow":
        raise UserError(
            f"Keras runs on {keras.config.backend()} in this process, and detectors need it on tensorflow: "
            "set KERAS_BACKEND=tensorflow before anything imports keras"
        )
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _import_keras() -> None:
    """Import Keras where no `keras.json` lies, which can end the import; it keeps its cache of weights."""
    home = os.environ.get("KERAS_HOME")
    with tempfile.TemporaryDirectory() as empty:
        os.environ["KERAS_HOME"] = empty
        try:
            from keras.src.backend import config
        finally:
            os.environ.pop("KERAS_HOME")
            if home is not None:
                os.environ["KERAS_HOME"] = home
    user = Path(os.path.expanduser("~"))  # noqa: PTH111 - where there is no home, Path.home() raises
    cache = user if os.access(user, os.W_OK) else Path(tempfile.gettempdir())
    config._KERAS_DIR = home or str(cache / ".keras")  # read whenever weights are looked for


def settle_matplotlib() -> None:
    """Make matplotlib draw into files, with its own settings; call it before matplotlib is imported."""
    os.environ["MPLBACKEND"] = "agg"
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.submodule_search_locations:
        os.environ["MATPLOTLIBRC"] = str(Path(found.submodule_search_locations[0]) / "mpl-data/matplotlibrc")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # such as: no place for its cache of fonts


def settle_warnings() -> None:
    """Treat warnings as Python does by itself: as errors (PYTHONWARNINGS) one of MLflow's ends a training."""
    if os.environ.pop("PYTHONWARNINGS", None) is None:
        return
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


def settle_terminal() -> None:
    """Let what a terminal without UTF-8 cannot show be written in its stead by what it can."""
    codecs.register_error("plain", _in_plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")


def _in_plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return for characters that cannot be encoded the nearest that can, else their escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    # A letter is never exchanged for another: two names must not look the same.
    nearest = "".join(each if each.isalpha() else _nearest(each) for each in missing)
    return nearest.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _nearest(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character.translate(_PLAIN))
    return plain if plain.isascii() else character


def printable(text: object) -> str:
    r"""Return a text, such as a name from outside, as one line that is safe to print.

    What acts on a terminal is shown as an escape, so no name can look like a line of ours.

    >>> printable("a.jpg\x1b[2K\n0.01  genuine")
    'a.jpg\\x1b[2K\\n0.01  genuine'
    """
    return _ACTING.sub(lambda found: _escape(found[0]), str(text))


def printable_lines(text: str) -> str:
    """Return a message of several lines, each as `printable`; all but the first are indented."""
    first, *others = text.split("\n")
    indented = (line if line.startswith(" ") or not line else f"  {line}" for line in others)
    return "\n".join(map(printable, [first, *indented]))


def printable_json(values: Mapping[str, Any]) -> str:
    """Return a line of JSON, with escapes for what acts on a terminal or `sys.stdout` cannot take."""
    in_utf8 = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    text = json.dumps(values, ensure_ascii=not in_utf8)
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(character: str) -> str:
    if ord(character) in _BYTES:
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class PrintableLines(logging.Formatter):
    """Writes the messages of a log as `printable_lines` does."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone."""
        return printable_lines(super().format(record))
