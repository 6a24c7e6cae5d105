"""Looks through the folders of pictures as handed in, so that DVC knows when one has changed.

    python -m pipeline.pictures

Reads `params.yaml`, as the other stages do, and the folders, tables and lists that its `data` names. Writes
`data/pictures.csv`: for each of them how many files lie there, and a hash of their names and bytes. A file
that was looked at before and has not changed is not opened again, so this is done at each run.
"""

if __name__ == "__main__":  # --help answers before what the work needs is imported, which takes seconds
    from pipeline.usage import answer

    answer(__doc__)

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.conversion.handed_in import look_through
from pipeline.conversion.journal import Journal, journal_path
from pipeline.errors import counted
from pipeline.stage import plain_errors
from pipeline.storage import sole_writer, write_text

PICTURES = Path("data/pictures.csv")
PARAMS = Path("params.yaml")


def run() -> None:
    """Write down what lies where the parameters say that pictures, masks and tables lie."""
    # Without the schema, which takes longer to import than this to run; `snapshot` has checked the values.
    data = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))["data"]
    watched = dict(_watched(data))
    with sole_writer(PICTURES), Journal(journal_path(PICTURES)) as journal:
        found = look_through(watched.values(), journal)
        lines = [f"{key},{found[path].files},{found[path].sha256}" for key, path in watched.items()]
        write_text(PICTURES, "\n".join(["what,files,sha256", *lines, ""]))
    n_files = sum(folder.files for folder in found.values())
    print(f"{PICTURES}: {counted(n_files, 'file')} in {len(found)} folders and tables")


def _watched(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the configuration names: its key, and the path."""
    for name, collection in sorted(data["collections"].items()):
        yield f"{name}.genuine", str(collection["genuine"])
        if collection["fake"] is not None:  # background
            yield f"{name}.fake", str(collection["fake"])
        yield from ((f"{name}.masks.{n}", str(path)) for n, path in enumerate(collection.get("masks") or []))
        lists = (collection.get("official") or {}).get("lists") or {}
        yield from ((f"{name}.{side}", str(Path(data["root"], path))) for side, path in sorted(lists.items()))
    if data.get("known_groups"):
        yield "known_groups", str(data["known_groups"])


def main() -> None:
    """Look through them, with errors in plain words."""
    with plain_errors():
        run()


if __name__ == "__main__":
    main()
