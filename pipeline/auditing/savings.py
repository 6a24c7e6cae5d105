"""What a conversion really did to a part: under `matched` not every collection has fakes to match."""

from typing import Any

import pandas as pd

_MATCHED = "matched("  # what the column `policy` of files.csv begins with under this policy
_KEPT = "matched(stripped,"  # where a file keeps its compressed data


def count_savings(pictures: pd.DataFrame) -> dict[str, Any]:
    """Say what became of the last compression of fakes.

    Args:
        pictures: columns `policy`, as in `files.csv`, `label` and `collection`.

    Returns:
        `kept_scans`: number of fakes that kept their last compression because `matched` has given its
        settings to others; `saved_alike`: collections that have fakes and were to be matched, of which no
        fake kept it, so that all their pictures were saved once more, as under `equal`.
    """
    fakes = pictures[pictures["label"] == "fake"]
    kept = fakes["policy"].str.startswith(_KEPT)
    to_match = fakes["policy"].str.startswith(_MATCHED)
    alike = set(fakes["collection"][to_match]) - set(fakes["collection"][kept])
    return {"kept_scans": int(kept.sum()), "saved_alike": sorted(alike)}
