"""Keeps `params.yaml`, which DVC compares, in step with `conf/`, which people edit.

    python -m pipeline.params write   composes conf/ and writes params.yaml
    python -m pipeline.params check   fails if they differ, and names the keys

The `snapshot` stage of dvc.yaml runs the check, so that an edit in `conf/` is never silently ignored.
Inside `dvc exp run` an experiment's choices differ on purpose: there only the schema is checked.
"""

from pipeline import usage

if __name__ == "__main__":
    usage.answer(__doc__)  # before the imports, which take longer

import json
import os
import sys
from pathlib import Path

import yaml

from pipeline.composition import composed_config, composed_text
from pipeline.config import Config, flatten, validate
from pipeline.config_data import SAMPLE
from pipeline.errors import UserError, counted
from pipeline.images.files import holds_picture
from pipeline.stage import plain_errors
from pipeline.storage import local_path, what_is_there, write_text

PARAMS = Path("params.yaml")
SNAPSHOT = Path("data/snapshot.txt")
# Environment: the overrides, as JSON, with which pipeline.repro wrote params.yaml.
CHOICES = "PIPELINE_CHOICES"


def write(conf: Path = Path("conf"), params: Path = PARAMS, quiet: bool = False) -> None:
    """Write `params` anew where `conf` says otherwise, after checking it against the schema."""
    text = composed_text(conf)
    validate(yaml.safe_load(text))
    if not params.is_file() or params.read_text(encoding="utf-8") != text:
        write_text(params, text)
        if not quiet:
            print(f"{params} brought in step with {conf}/")


def check(conf: Path = Path("conf"), params: Path = PARAMS) -> None:
    """Raise UserError where `params` is not what `conf` composes to, or where either is not valid."""
    if not params.is_file():
        raise UserError(f"{params} is missing; make it with: make params")
    try:
        found = validate(yaml.safe_load(params.read_text(encoding="utf-8")))
    except UserError as error:
        raise UserError(f"{params}: {error}\nMake it anew from {conf}/ with: make params") from error
    if found.data.name != SAMPLE:
        check_folders(found)
    standard = composed_config(conf)
    chosen = json.loads(os.environ.get(CHOICES, "[]"))
    experiment = os.environ.get("DVC_EXP_NAME")
    if (chosen or experiment) and found.seed != standard.seed:
        print(
            f"note: seed={found.seed} tests other pictures than seed={standard.seed} of {conf}/, so their "
            f"figures cannot be compared; train.seed={found.seed} trains anew on the same pictures"
        )
    if experiment:
        return
    wanted = composed_config(conf, chosen) if chosen else standard
    if found != wanted:
        old, new = flatten(found.model_dump()), flatten(wanted.model_dump())
        keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        lines = [f"  {key}: {old.get(key)!r} in params.yaml, {new.get(key)!r} in conf/" for key in keys[:10]]
        more = [f"  and {len(keys) - 10} more"] if len(keys) > 10 else []
        raise UserError(
            f"{params} is out of step with {conf}/ in {counted(len(keys), 'key')}; bring it in step with: "
            "make params (or make repro)\n" + "\n".join(lines + more)
        )


def check_folders(config: Config) -> None:
    """Refuse missing and empty folders here, before DVC stops at them with a bare error number."""
    data = config.data
    wanted = f"(data={data.name} wants {Path(data.genuine).name}/ and {Path(data.fake).name}/ there)"
    for key in ("root", "genuine", "fake", "masks"):
        path = local_path(getattr(data, key), f"data.{key}")
        if not path.is_dir():
            found = (
                f"and that is a file (looked for at {path.absolute()})"
                if path.exists()
                else f"and there is no such folder (looked for at {path.absolute()}{what_is_there(path)})"
            )
            own = "" if key == "root" else f" or data.{key}=…"
            raise UserError(
                f"data.{key} is {path}, {found}; say where the folder of the pictures is with data.root=… "
                f"{wanted}{own}"
            )
        if key in ("genuine", "fake") and not holds_picture(path):
            raise UserError(
                f"data.{key} is {path}, and there is no picture in it (looked for at {path.absolute()} and "
                f"below); put the {key} pictures there, or say where they are with data.{key}=…"
            )


def main() -> None:
    """Parse the command line and write or check."""
    parser = usage.parser(__doc__)
    parser.add_argument("action", choices=["write", "check"])
    action = parser.parse_args().action
    with plain_errors():
        if action == "write":
            write()
        else:
            check()
            write_text(SNAPSHOT, "params.yaml is in step with conf/\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
