"""What a command says before it works: what it is for, an example, the keys that matter; and to a shell.

Read from what people edit anyway, the docstrings of the commands and the comments in `conf/`. Nothing that
the work itself needs is imported for it: `--help` answers at once.
"""

import argparse
import ast
import itertools
import os
import re
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.surroundings import settle_terminal

settle_terminal()  # --help has dashes and dots that not every terminal can show

WIDTH = 80
_COLUMN = 30  # where the comments begin
_RUNS_ALL = "make repro runs what has to be run of those from sample to evaluate, in order."
_PACKAGE = Path(__file__).parent
CONF = _PACKAGE.parent / "conf"  # of a checkout; not with an installed package

# The commands in the order in which a person meets them, and the keys that matter: `group=` stands for its
# choices, `group` for all its keys too, `group.key` for one.
KEYS = {
    "repro": [],
    "sample": ["sample", "seed"],
    "pictures": [],
    "convert": ["data=", "data.root", "data.known_groups", "convert", "compute"],
    "manifest": ["split", "data.protocol", "seed"],
    "measure": ["compute"],
    "audit": ["audit"],
    "gate": ["audit.warn_above", "audit.fail_above"],
    "train": [
        *("model=", "inputs=", "experiment=", "train.seed", "train.epochs", "train.batch_size"),
        *("train.learning_rate", "train.class_weights", "train.patience", "train.precision"),
        *("train.resume", "runtime.strategy", "runtime.cache"),
    ],
    "calibrate": ["calibration=", "calibration", "decision"],
    "evaluate": ["evaluate"],
    "summary": [],
    "predict": [],
    "examine": [],
    "app": [],
    "screen": [],
    "score": ["score", "data=", "data.root", "convert=", "evaluate"],
    "compare": [],
    "promote": [],
    "experiment": ["experiment=", "model=", "inputs=", "train=", "train.seed"],
    "search": ["search", "experiment="],
    "runs": [],
    "params": [],
}
# These ask a detector and nothing else: they work where the package alone is installed.
WITHOUT_CONFIGURATION = {"predict", "examine", "screen", "app"}
_HYDRAS = {"--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}


def answer(doc: str | None) -> None:
    """Answer `--help` and what is asked of the configuration alone, then end; else return.

    Called by a command with its docstring, before it imports what its work needs.
    """
    flags = {each.partition("=")[0] for each in sys.argv[1:]}
    asks_help = not flags.isdisjoint({"--help", "-h"})
    if not asks_help and flags.isdisjoint(_HYDRAS):
        return
    end_with_reader()
    if asks_help:
        print(help_text(Path(sys.argv[0]).stem, doc or "", sys.argv[1:]))
    elif sys.argv[1:] in (["-sc", "install=bash"], ["--shell-completion", "install=bash"]):
        print(COMPLETION)
    else:
        _ask_hydra()
    sys.exit(0)


def end_with_reader() -> None:
    """End quietly where what reads the output ends first: … | head."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def overview() -> str:
    """Return the commands, a line each."""
    rows = [_row(name, _docstring(name).splitlines()[0].replace("`", ""), 14) for name in KEYS]
    head = "fakes COMMAND --help says more of each; so does python -m pipeline.COMMAND:"
    return "\n".join([head, "", *rows, "", _RUNS_ALL])


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of a command that takes options and no configuration."""
    return argparse.ArgumentParser(
        prog=f"python -m pipeline.{Path(sys.argv[0]).stem}",
        description=reflow(doc or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Add what each command that asks a detector takes: its folder, and another rate of false alarms."""
    parser.add_argument("--models", default="models", help="folder of the detector (models)")
    parser.add_argument(
        "--false-alarms",
        type=_rate,
        metavar="RATE",
        help="share of genuine pictures that may be called fake, such as 0.01 (as calibrated)",
    )


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a share between 0 and 1, such as 0.01")
    return rate


def help_text(name: str, doc: str, arguments: Sequence[str] = ()) -> str:
    """Return the help of a command: its docstring, then the keys that matter, in 80 columns.

    Choices among `arguments`, such as model=cnn, are shown with their keys too.
    """
    lines, keys = [reflow(doc)], list[str]()
    default, given = _defaults(), [each.partition("=")[::2] for each in arguments]
    for key in KEYS[name]:
        group, dot, _ = key.removesuffix("=").partition(".")
        files = sorted((CONF / group).glob("*.yaml"))
        if not dot and len(files) > 1:
            now = default[group].replace("null", "none")
            lines += ["", f"{group}=NAME, one of conf/{group}/, now {now}:"]
            lines += [_row(f"{group}={path.stem}", _head(path)) for path in files]
        for path in files:
            if not dot and (group, path.stem) in given:
                lines += ["", f"Keys of {group}={path.stem}:", *(_row(*each) for each in _keys(path, group))]
        if not key.endswith("="):
            path = CONF / group / f"{default[group]}.yaml" if files else CONF / "config.yaml"
            rows = _keys(path, group if files else "")
            keys += [_row(*each) for each in rows if not dot or each[0].partition("=")[0] == key]
    if keys:
        lines += ["", "Keys with their values (all of them are in conf/):", *keys]
    if KEYS[name]:
        lines += ["", *["model=cnn --help shows the keys of that choice too"] * ("model=" in KEYS[name])]
        lines += ["--cfg job shows the whole configuration, --hydra-help the options of Hydra"]
    return "\n".join(lines)


def reflow(doc: str) -> str:
    r"""Return a docstring in 80 columns; what is indented stays as it is.

    >>> print(reflow("Draws pictures.\n\n    python -m x\n\nWrites `data/`."))
    Draws pictures.
    <BLANKLINE>
        python -m x
    <BLANKLINE>
    Writes data/.
    """
    paragraphs = doc.replace("`", "").strip("\n").split("\n\n")
    return "\n\n".join(
        each if each.startswith(" ") else textwrap.fill(" ".join(each.split()), WIDTH, break_on_hyphens=False)
        for each in paragraphs
    )


def _row(name: str, told: str, column: int = _COLUMN) -> str:
    """Return a name and what it means, which begins in one column: below the name where that is long."""
    lines = textwrap.wrap(told, WIDTH - column, break_on_hyphens=False, break_long_words=False)
    first = f"  {name}"
    if lines and len(first) + 2 <= column:
        first = f"{first:<{column}}{lines.pop(0)}"
    return "\n".join([first, *(" " * column + line for line in lines)])


def _defaults() -> dict[str, str]:
    """Return those of conf/config.yaml: group -> file."""
    text = (CONF / "config.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  - (\w+): (\w+)$", text, re.MULTILINE))


def _head(path: Path) -> str:
    """Return the first sentence of the comment that a file begins with; "" where it has none."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "@package" not in line]
    comment = itertools.takewhile(lambda line: re.match(r"# \S", line), lines)
    text = " ".join(line.removeprefix("# ") for line in comment)
    return text.partition(". ")[0].rstrip(".:").replace("`", "")


def _keys(path: Path, group: str) -> Iterator[tuple[str, str]]:
    """Yield `key=value` and comment of each key of a file of a group; "": it belongs to none."""
    above, row = [group] if group else [], ["", ""]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("defaults:"):
            continue
        if line.startswith("collections:"):  # of data: folders and names, which no two datasets share
            break
        if more := re.match(r" {20,}#\s*(.*)", line):
            row[1] += f" {more[1]}"
        elif parsed := re.match(r"( *)([a-z]\w*): *(.*?)\s*(?:#\s*(.*))?$", line):
            indent, name, value, comment = parsed.groups()
            above = [*above[: bool(group) + len(indent) // 2], name]
            if row[0]:
                yield row[0], row[1]
            row = [f"{'.'.join(above)}={value.strip(chr(34))}" if value else "", comment or ""]
    if row[0]:
        yield row[0], row[1]


def _docstring(name: str) -> str:
    return ast.get_docstring(ast.parse((_PACKAGE / f"{name}.py").read_text(encoding="utf-8"))) or ""


# What a shell asks. Hydra's own scripts know `python FILE.py` and programs, and nothing of `python -m …`.

COMPLETION = """_pipeline_complete() {
    local words=($COMP_LINE) word=${COMP_WORDS[COMP_CWORD]}
    [[ ${words[1]} == -m ]] || return
    if [[ $COMP_CWORD -eq 2 ]]; then
        COMPREPLY=($(compgen -W "MODULES" -- "$word"))
    else
        local found=$(COMP_LINE=$COMP_LINE "${words[@]:0:3}" -sc query=bash 2> /dev/null)
        COMPREPLY=($(compgen -W "$found" -- "$word"))
    fi
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _pipeline_complete python python3 .venv/bin/python""".replace(
    "MODULES", " ".join(f"pipeline.{name}" for name in KEYS)
)


def _ask_hydra() -> None:
    """Let Hydra answer what it can tell of the configuration alone: its options, values, completions."""
    import hydra

    # It takes a command line that begins with a file.
    words = os.environ.get("COMP_LINE", "").split(" ")
    if words[1:2] == ["-m"]:
        os.environ["COMP_LINE"] = " ".join([words[0], "pipeline.py", *words[3:]])

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def nothing_is_run(_: object) -> None: ...

    nothing_is_run()
