"""Pictures that belong together: they share a source, are the same file, or show the same.

A group is a connected component of that relation; a split that cuts through one tests a detector on
what it has seen. On CASIA 2 a random split leaves 98 % of the test fakes a source in training.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.datasets.tables import ID_SEPARATOR

SAME_PICTURE = ["source_sha256", "sha256", "pixel_sha256"]  # columns by which two files are one picture


class Relation(NamedTuple):
    """Pictures with one key belong together."""

    rows: np.ndarray  # (n,) indices of pictures; each may come several times or not at all
    keys: Any  # (n,) texts or numbers that they have


def group_pictures(files: pd.DataFrame, duplicates: np.ndarray | None = None) -> np.ndarray:
    """Name the group of each row of `files`.

    The name is the group's smallest source id, or where names tell no source the smallest hash of the
    files as handed in: so it stays the same when pictures are added, moved, or converted otherwise.

    Args:
        files: `files.csv`.
        duplicates: (n,) one number for near-duplicates, as `near_duplicates.find_near_duplicates` returns;
            None: not looked for.

    Returns:
        (n,) texts.
    """
    sources = source_relation(files)
    known = files["known_group"] if "known_group" in files else pd.Series("", index=files.index)
    known_rows = np.flatnonzero(known != "")
    owners = Relation(known_rows, known.array[known_rows])
    component = join(len(files), [sources, owners, *same_picture_relations(files, duplicates)])
    names = np.full(component.max(initial=-1) + 1, None, dtype=object)
    _name(names, component[sources.rows], sources.keys)
    nameless = np.flatnonzero(pd.isna(names)[component])
    # 80 bits are short enough to read; two of a million pictures meet by chance once in 10^12 tables.
    hashes = "bytes:" + files["source_sha256"].iloc[nameless].str[:20]
    _name(names, component[nameless], hashes.to_numpy(dtype=object))
    return names[component]


def source_relation(files: pd.DataFrame) -> Relation:
    """Relate pictures by the source ids in their names."""
    ids = files["source_ids"].reset_index(drop=True)
    each = ids[ids != ""].str.split(ID_SEPARATOR).explode()
    return Relation(each.index.to_numpy(), each.to_numpy(dtype=object))


def same_picture_relations(files: pd.DataFrame, duplicates: np.ndarray | None = None) -> list[Relation]:
    """Relate pictures by identical bytes before and after conversion, identical pixels, and looks."""
    rows = np.arange(len(files))
    relations = [Relation(rows, files[column].array) for column in SAME_PICTURE]
    return relations if duplicates is None else [*relations, Relation(rows, duplicates)]


def join(n_pictures: int, relations: list[Relation]) -> np.ndarray:
    """Number the connected components of some relations: (n_pictures,) from 0 on.

    Pictures and keys are the two sides of one graph, so that a key shared by a thousand pictures costs
    a thousand edges and not half a million.

    >>> same_source = Relation(np.array([0, 2]), np.array(["a", "a"]))
    >>> join(4, [same_source, Relation(np.array([2, 3]), np.array([7, 7]))]).tolist()
    [0, 1, 0, 0]
    """
    ends: list[tuple[np.ndarray, np.ndarray]] = []
    n_nodes = n_pictures
    for rows, keys in relations:
        codes, distinct = pd.factorize(keys)
        ends.append((rows, codes + n_nodes))
        n_nodes += len(distinct)
    pictures, of_keys = (np.concatenate(side) for side in zip(*ends, strict=True))
    edges = coo_array((np.ones(len(pictures), np.int8), (pictures, of_keys)), shape=(n_nodes, n_nodes))
    return connected_components(edges, directed=False)[1][:n_pictures]


def _name(names: np.ndarray, components: np.ndarray, keys: np.ndarray) -> None:
    """Give each component that comes up its smallest key, in place."""
    codes, distinct = pd.factorize(keys, sort=True)
    smallest = np.full(len(names), len(distinct))
    np.minimum.at(smallest, components, codes)
    known = smallest < len(distinct)
    names[known] = distinct[smallest[known]]
