"""Which pictures of a dataset are used (`data.protocol`): what is left out, and why."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pipeline import config
from pipeline.errors import UserError
from pipeline.manifests.groups import source_relation
from pipeline.manifests.roles import test_collections
from pipeline.manifests.tables import LABELS

NO_JPEG = "jpeg_only: the file was no JPEG"
NO_SOURCE = "source_matched: no fake was made from it"


def leave_out(files: pd.DataFrame, data: config.Data) -> np.ndarray:
    """Give each row of `files.csv` the reason why the protocol leaves it out; "" where it is used.

    `jpeg_only` leaves out what came in as another format. `source_matched` leaves out genuine pictures
    that no fake in use was made from; a genuine picture whose name tells no source is among them.

    Returns:
        (n,) texts.

    Raises:
        UserError: the training collections would lose a class.
    """
    reasons = np.full(len(files), "", dtype=object)
    for name, rule in RULES.items():  # in this order, whatever theirs in the configuration
        if name in data.protocol:
            kept = reasons == ""
            reasons[kept] = rule(files[kept].reset_index(drop=True))
    _check_classes(files, reasons, data)
    return reasons


def _jpeg_only(files: pd.DataFrame) -> np.ndarray:
    return np.where(files["source_format"] == "JPEG", "", NO_JPEG).astype(object)


def _source_matched(files: pd.DataFrame) -> np.ndarray:
    fake = (files["label"] == "fake").to_numpy()
    sources = source_relation(files)
    used = pd.Index(sources.keys[fake[sources.rows]]).unique()
    matched = np.zeros(len(files), dtype=bool)
    matched[sources.rows[pd.Index(sources.keys).isin(used)]] = True
    return np.where(matched | fake, "", NO_SOURCE).astype(object)


RULES: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "jpeg_only": _jpeg_only,
    "source_matched": _source_matched,
}


def _check_classes(files: pd.DataFrame, reasons: Sequence[str] | np.ndarray, data: config.Data) -> None:
    if not data.protocol:
        return
    trained = ~files["collection"].isin(test_collections(data)).to_numpy()
    for label in LABELS:
        of_label = trained & (files["label"] == label).to_numpy()
        if of_label.any() and (np.asarray(reasons)[of_label] != "").all():
            commonest = pd.Series(np.asarray(reasons)[of_label]).mode()[0]
            raise UserError(
                f"data.protocol is {', '.join(data.protocol)}, which leaves out each of the "
                f"{int(of_label.sum())} {label} pictures to train on ({commonest}); source_matched needs "
                "names that tell the sources (data.collections.<name>.naming.source), jpeg_only needs JPEG "
                "files; set data.protocol=[] to use all pictures"
            )
