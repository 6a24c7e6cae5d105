"""Converts a folder as its own process, so that tests can kill it or take away its rights.

python -m tests.conversion.convert_folder FOLDER OUTPUT POLICY WORKERS [nobody|BYTES]

With `nobody` the process gives up the rights of root first; with a number no file may grow above it.
"""

import os
import resource
import sys
from pathlib import Path

from PIL import Image

from pipeline.conversion.conversion import convert_pictures
from pipeline.errors import UserError
from tests.images.pictures import list_folder, on_cores, settings


def main() -> None:
    folder, output, policy, workers, *limit = sys.argv[1:]
    if limit == ["nobody"]:
        Image.init()  # nobody may not be allowed to read where the libraries lie
        os.seteuid(65534)
    elif limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]),) * 2)
    try:
        sources = list_folder(Path(folder))
        print(convert_pictures(sources, [], Path(output), settings(policy), on_cores(int(workers))))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
