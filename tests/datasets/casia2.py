"""The 12,614 names of the whole CASIA 2, without pictures, as if they had been converted."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import pandas as pd
import yaml

from pipeline.config_data import Naming
from pipeline.datasets.groups import group_pictures
from pipeline.datasets.naming import compile_naming

REPOSITORY = Path(__file__).parents[2]
NAMES = REPOSITORY.parent / "shared/data/casia2-names"


@cache
def casia2_names():
    """Give a table of what splits need; callers leave it as it is."""
    conf = yaml.safe_load((REPOSITORY / "conf/data/casia.yaml").read_text())
    rule = compile_naming(Naming(**conf["collections"]["casia2"]["naming"]), "naming")
    rows = [
        {
            "path": f"casia2/{label}/{name}",
            "label": label,
            "collection": "casia2",
            "subset": rule.subset(Path(name).stem) if label == "fake" else "",
            "source_ids": "|".join(rule.source_ids(Path(name).stem)),
            "source_format": {"jpg": "JPEG", "tif": "TIFF", "bmp": "BMP"}[name.rsplit(".")[-1]],
            "source_sha256": sha256(name.encode()).hexdigest(),
        }
        for label in ("genuine", "fake")
        for name in (NAMES / f"{label}.txt").read_text().split()
    ]
    table = pd.DataFrame(rows)
    hashes = table["source_sha256"]
    table = table.assign(sha256=hashes, pixel_sha256=hashes, duplicates=range(len(table)))
    return table.assign(group=group_pictures(table))
