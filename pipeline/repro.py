"""Runs the whole pipeline, on the drawn sample or on pictures of one's own; `make repro` calls it.

    python -m pipeline.repro                    the sample
    python -m pipeline.repro --root ~/photos    genuine/, fake/, perhaps masks/
    python -m pipeline.repro --experiment casia --root /abs/CASIA
    python -m pipeline.repro model=srm train.epochs=30

Configuration and folders are checked before anything runs. The result is kept as an experiment of DVC, which
`dvc exp apply NAME` has back; `params.yaml` is afterwards what `conf/` says, and git sees no change.
"""

from pipeline import usage

if __name__ == "__main__":
    usage.answer(__doc__)  # before the imports, which take longer

import contextlib
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import yaml

from pipeline.checking import model_name, refuse_old_names
from pipeline.composition import choice_of, composed_config, composed_text
from pipeline.config import Config, validate
from pipeline.config_data import SAMPLE
from pipeline.params import CHOICES, PARAMS, check_folders, write
from pipeline.run_store import git
from pipeline.stage import let_through, plain_errors
from pipeline.storage import sole_writer, write_text

LOCK = Path("dvc.lock")
# Which process of DVC reads and writes what; made anew where it is missing.
RUNNING = Path(".dvc/tmp/rwlock")
EMPTY_LOCK = "schema: '2.0'\nstages: {}\n"
LAST_STAGE = "evaluate"  # and all that it needs: the sample is drawn only where it is the data
NOBODY = "nobody"


def choices(data: str, root: str, experiment: str, overrides: Sequence[str]) -> list[str]:
    """Return the overrides that stand for the options; a root without other data means two folders in it.

    >>> choices("", "", "", ["model=srm"])
    ['model=srm']
    """
    chosen = [f"experiment={experiment}"] if experiment else []
    chosen += let_through(list(overrides))
    if root and not data and composed_config(overrides=chosen).data.name == SAMPLE:
        data = "folders"
    if data:
        chosen.append(f"data={data}")
    if root:
        chosen.append(choice_of("data.root", root if "://" in root else _as_stages_see(root)))
    return chosen


def _as_stages_see(root: str) -> str:
    """Return a folder as written in the repository where it lies there, else its absolute path."""
    path = Path(root).expanduser()
    here = Path.cwd()
    whole = Path(os.path.normpath(here / path))
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()


def reproduce(overrides: Sequence[str]) -> tuple[int, str]:
    """Run all stages that are needed with these choices.

    Returns:
        DVC's exit status, and the name of the experiment that keeps the result; "" where there is none.

    Raises UserError, before anything runs, where a choice or a folder is not right.
    """
    text = composed_text(overrides=overrides)
    config = validate(yaml.safe_load(text))
    if config.data.name != SAMPLE:
        check_folders(config)
    name = ""
    with sole_writer(PARAMS):
        renew_torn_lock()
        forget_ended()
        before = LOCK.read_bytes() if LOCK.is_file() else b""
        try:
            if PARAMS.read_text(encoding="utf-8") != text:
                write_text(PARAMS, text)
            status = _dvc("repro", LAST_STAGE, **{CHOICES: json.dumps(list(overrides))})
            if not status and overrides and LOCK.read_bytes() != before:
                name = _keep(config, overrides)
        finally:
            write(quiet=True)
            _hide_from_git()
    return status, name


def renew_torn_lock() -> None:
    """Begin `dvc.lock` anew where it is not whole: DVC writes it in place, so `kill -9` may leave half of it.

    Nothing is computed again for it: DVC finds what it ran in its run cache, and `convert` and `train` what
    they kept.
    """
    if not LOCK.is_file():
        return
    # As DVC itself would judge it; nothing else of this command needs DVC in its own process.
    from dvc.dvcfile import Lockfile
    from dvc.exceptions import DvcException

    try:
        Lockfile.validate(yaml.safe_load(LOCK.read_text(encoding="utf-8")), LOCK.name)
    except (DvcException, yaml.YAMLError, UnicodeDecodeError):
        print(f"{LOCK} was cut off while DVC wrote it; it begins anew, and results are taken from the cache")
        write_text(LOCK, EMPTY_LOCK)


def forget_ended() -> None:
    """Remove DVC's list of what its processes are at where `kill -9` left half of it, or none of them runs.

    DVC stops at half a list, and waits for a process that has ended where nobody has asked for its status, as
    in containers whose first process is no `init`, or whose number another has now.
    """
    with contextlib.suppress(FileNotFoundError):
        try:
            held = json.loads(RUNNING.read_text(encoding="utf-8")).values()
        except ValueError:
            RUNNING.unlink()
            return
        holders = [each for how in held for each in (how.get("write"), *how.get("read", ())) if each]
        if not any(_runs_dvc(each["pid"]) for each in holders):
            RUNNING.unlink()


def _runs_dvc(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any("dvc" in each for each in process.cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's
        return True


def _keep(config: Config, overrides: Sequence[str]) -> str:
    """Save the result as an experiment of DVC: its parameters, metrics and outputs; return its name."""
    now = datetime.datetime.now().strftime("%m%d-%H%M%S")
    words = [config.data.name, model_name(config.model), now]
    name = "-".join("".join(c if c.isalnum() and c.isascii() else "-" for c in word) for word in words)
    kept = _dvc("exp", "save", "--quiet", "--name", name, "--message", " ".join(overrides)) == 0
    return name if kept else ""


def _dvc(*arguments: str, **environment: str) -> int:
    """Call DVC to its end: Ctrl-C goes to it as well, and it leaves in order."""
    command = [sys.executable, "-m", "dvc", *arguments]
    with subprocess.Popen(command, env={**os.environ, **_author(), **environment}) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _author() -> dict[str, str]:
    """Name an author where git knows none: DVC keeps experiments as git objects, which need one."""
    if git("config", "user.email"):
        return {}
    names = {f"GIT_{role}_NAME": NOBODY for role in ("AUTHOR", "COMMITTER")}
    return names | {f"GIT_{role}_EMAIL": f"{NOBODY}@localhost" for role in ("AUTHOR", "COMMITTER")}


def _hide_from_git() -> None:
    """Tell git to leave `dvc.lock` out of account, unless this repository keeps one of its own.

    It says what lies in this working tree. DVC refuses one that is ignored, so an empty one is committed.
    """
    committed = git("show", f"HEAD:./{LOCK}")
    if committed is not None and not (yaml.safe_load(committed) or {}).get("stages"):
        git("update-index", "--skip-worktree", str(LOCK))


def main() -> None:
    """Parse the command line, run the pipeline, then print its summary."""
    parser = usage.parser(__doc__)
    parser.add_argument("--data", default="", help="a dataset of conf/data/: folders, casia …")
    parser.add_argument("--root", default="", help="the folder in which its pictures lie")
    parser.add_argument("--experiment", default="", help="a recipe of conf/experiment/")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="any key of conf/")
    asked = parser.parse_args()
    with plain_errors():
        refuse_old_names(each.lstrip("+~").partition("=")[0] for each in asked.overrides)
        status, name = reproduce(choices(asked.data, asked.root, asked.experiment, asked.overrides))
        if not status:
            status = subprocess.call([sys.executable, "-m", "pipeline.summary"])
        if name:
            print(f"have it back       .venv/bin/dvc exp apply {name}")
    sys.exit(status)


if __name__ == "__main__":
    main()
