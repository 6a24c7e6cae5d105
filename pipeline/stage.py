"""How a command of the pipeline starts: configuration checked, one writer, errors in plain words."""

import contextlib
import ctypes
import errno
import logging
import os
import re
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipeline.errors import UserError, not_installed
from pipeline.storage import cannot_write, sole_writer
from pipeline.surroundings import (
    PrintableLines,
    printable,
    printable_lines,
    settle_keras,
    settle_matplotlib,
    settle_terminal,
    settle_warnings,
)

if TYPE_CHECKING:  # commands without a configuration start faster without
    from omegaconf import DictConfig

    from pipeline.config import Config

INTERRUPTED = 130  # what shells report for Ctrl-C
TERMINATED = 143  # and for SIGTERM
NOBODY_READS = 141  # and for SIGPIPE
GRACE_SECONDS = 10  # from SIGTERM to the end of a process that does not come to one

settle_terminal()  # here, because argparse and Hydra print before any function of ours is called


def start(main: Callable[[], None]) -> None:
    """Call a Hydra entry, which then leaves mistyped keys on the command line to our own check."""
    from pipeline.checking import refuse_old_names

    try:
        refuse_old_names(each.lstrip("+~").partition("=")[0] for each in sys.argv[1:])
        refuse_unreadable(sys.argv[1:])
    except UserError as error:
        stop(str(error))
    sys.argv[1:] = let_through(sys.argv[1:])
    main()


# Options of Hydra's that a word of their own follows.
_TAKE_A_WORD = {
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p"),
    *("--cfg", "-c", "--info", "-i", "--experimental-rerun"),
}


def refuse_unreadable(arguments: list[str]) -> None:
    """Raise UserError for what Hydra cannot read as a setting: its own answer is in terms of its grammar."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for before, each in zip(["", *arguments], arguments, strict=False):
        if each.startswith("-") or before in _TAKE_A_WORD:
            continue
        try:
            parser.parse_override(each)
        except HydraException as error:
            key, is_setting, value = each.partition("=")
            if not is_setting or not re.fullmatch(r"[+~]*[\w.@/-]+", key):
                raise UserError(
                    f"{each} is not understood: settings are given as key=value, such as train.epochs=3; "
                    "--help lists those that matter"
                ) from error
            raise UserError(
                f"{key}: the value {value} is not understood, because it has signs that mean something in "
                f"a list or a sweep; put it in quotes: \"{key}='…'\""
            ) from error


def let_through(overrides: list[str]) -> list[str]:
    """Return overrides in which a key that is not there is added: `check` says then what is allowed.

    Hydra's own answer to such a key is to append it with a plus sign.

    >>> let_through(["train.epoch=3", "model=cnn", "hydra.verbose=true", "+hydra=default"])
    ['++train.epoch=3', 'model=cnn', 'hydra.verbose=true', '+hydra=default']
    """
    ours = re.compile(r"(?!hydra\.)\w+(\.\w+)+=")
    return [f"++{each}" if ours.match(each) else each for each in overrides]


def execute(
    run: Callable[["Config"], None], composed: "DictConfig", output: Callable[["Config"], str]
) -> None:
    """Run one stage on a composed configuration, as the only writer of `output(config)`.

    Ends the process with status 1 and a message where the user can mend what is wrong,
    with 130 on Ctrl-C; any other exception ends it with status 1 and its traceback.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from pipeline.config import validate

    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        stop(
            "a stage writes one output, so it cannot be swept with -m; use python -m pipeline.experiment -m …"
        )
    with plain_errors():
        config = validate(composed)
        with sole_writer(Path(output(config))):
            run(config)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what the user can mend into one message and an exit status, here and nowhere else."""
    # TensorFlow's start-up notes are no news to a user: the terminal is left to our own lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    settle_matplotlib()
    settle_warnings()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableLines("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    _die_with_parent()
    signal.signal(signal.SIGTERM, _leave_in_order)
    try:
        yield
    except UserError as error:
        stop(str(error))
    except ModuleNotFoundError as error:
        stop(not_installed(error))
    except KeyboardInterrupt as interrupt:
        notes = getattr(interrupt, "__notes__", [])  # by whoever knows where the next run goes on
        lines = ["\ninterrupted; nothing is left half done", *notes]
        print("\n".join(lines), file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            sys.exit(NOBODY_READS)
        full = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
        if isinstance(error, OSError) and error.errno in full:
            stop(str(cannot_write(Path(error.filename or "the output"), error)))
        # Python would keep the exception until its own end, and with it TensorFlow's threads that make
        # batches, which then wait for Python: the process would never end.
        print("\n".join(map(printable, traceback.format_exc().split("\n"))), file=sys.stderr)
        sys.exit(1)


def _nobody_reads() -> bool:
    """Return whether what reads our output has ended, as `head` does; the rest of it goes nowhere then."""
    if not hasattr(select, "poll"):
        return False
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)
    ended = any(event & select.POLLERR for _, event in watched.poll(0))
    if ended:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ended


def start_tensorflow() -> None:
    """Import TensorFlow, and Keras upon it, without the lines that its C++ writes while it starts.

    They come before any log level is heard, so the file descriptor itself is turned away; if the import
    fails they are shown after all.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as lines:
        os.dup2(lines.fileno(), 2)
        try:
            settle_keras()  # first: TensorFlow imports Keras on its own, and forgives what goes wrong then
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")
        except UserError:
            raise
        except BaseException:
            lines.seek(0)
            os.write(terminal, lines.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def stop(message: str) -> NoReturn:
    """Print `message` as an error and end with status 1."""
    print(f"error: {printable_lines(message)}", file=sys.stderr)
    sys.exit(1)


def _leave_in_order(*_: object) -> None:
    """Leave blocks in order, and end all the same where one of them waits for what never comes.

    The signal may strike while a pool starts a worker, which it then has lost count of and waits for.
    Outputs are written whole or not at all, so nothing but time is lost.
    """
    if hasattr(signal, "alarm"):
        signal.alarm(GRACE_SECONDS)  # whose signal nobody hears: the system ends the process
    sys.exit(TERMINATED)


def _die_with_parent() -> None:
    """On Linux, end when the starting process ends: a killed `dvc repro` leaves no second writer.

    The stage gets SIGTERM and leaves its blocks in order; outputs are renamed into place whole.
    """
    if sys.platform == "linux" and "DVC_STAGE" in os.environ:
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before the call
            sys.exit(1)
