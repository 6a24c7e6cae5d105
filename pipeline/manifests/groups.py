"""Pictures that belong together: they share a source, or are the same file.

A group is a connected component of that relation; a split that cuts through one tests a detector on
what it has seen. On CASIA 2 a random split leaves 98 % of the test fakes a source in training.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.manifests.tables import ID_SEPARATOR


class Relation(NamedTuple):
    """Pictures with one key belong together.

    Attributes:
        rows: (n,) positions of pictures in the table.
        keys: (n,) what the picture at that place has; a picture may come several times or not at all.
    """

    rows: np.ndarray
    keys: np.ndarray


def group_pictures(files: pd.DataFrame) -> np.ndarray:
    """Give each row of `files` the name of its group.

    The name is the group's smallest source id, or where names tell no source the smallest hash of the
    files as handed in: so it stays the same when pictures are added, moved, or converted otherwise.

    Returns:
        (n,) texts.
    """
    relations = [source_relation(files), *hash_relations(files)]
    return name_components(len(files), relations)


def source_relation(files: pd.DataFrame) -> Relation:
    """Relate pictures by the source ids in their names."""
    ids = files["source_ids"].reset_index(drop=True)
    each = ids[ids != ""].str.split(ID_SEPARATOR).explode()
    return Relation(each.index.to_numpy(), each.to_numpy(dtype=object))


def hash_relations(files: pd.DataFrame) -> list[Relation]:
    """Relate pictures by identical bytes, before and after conversion.

    Of a hash 80 bits are kept, which makes names short enough to read; two of a million pictures
    meet by chance once in 10^12 tables.
    """
    rows = np.arange(len(files))
    return [
        Relation(rows, ("bytes:" + files["source_sha256"].str[:20]).to_numpy(dtype=object)),
        Relation(rows, ("converted:" + files["sha256"].str[:20]).to_numpy(dtype=object)),
    ]


def name_components(n_pictures: int, relations: list[Relation]) -> np.ndarray:
    """Join pictures over all relations and name each component by its smallest key.

    Pictures and keys are the two sides of one graph, so that a key shared by a thousand pictures costs
    a thousand edges and not half a million.

    Args:
        n_pictures: rows of the table.
        relations: the first one that knows a component names it; together they must know every picture.

    Returns:
        (n_pictures,) names.
    """
    coded = [(rows, *pd.factorize(keys, sort=True)) for rows, keys in relations]
    offsets = n_pictures + np.cumsum([0, *(len(distinct) for _, _, distinct in coded)])
    pictures = np.concatenate([rows for rows, _, _ in coded])
    keys = np.concatenate([codes + offset for (_, codes, _), offset in zip(coded, offsets, strict=False)])
    edges = coo_array((np.ones(len(keys), np.int8), (pictures, keys)), shape=(offsets[-1], offsets[-1]))
    n_components, component = connected_components(edges, directed=False)
    names = np.full(n_components, None, dtype=object)
    for (_, _, distinct), offset in reversed(list(zip(coded, offsets, strict=False))):
        owner = component[offset : offset + len(distinct)]
        owners, smallest = np.unique(owner, return_index=True)  # keys are sorted: the first is the smallest
        names[owners] = distinct[smallest]
    return names[component[:n_pictures]]
