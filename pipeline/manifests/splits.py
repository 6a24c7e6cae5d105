"""How pictures are dealt to training, validation and test: the methods by name."""

from collections.abc import Callable

import pandas as pd

from pipeline import config
from pipeline.manifests.by_group import deal_groups, deal_pictures
from pipeline.manifests.by_publication import deal_official
from pipeline.manifests.by_source import deal_sources
from pipeline.manifests.dealt import Dealt
from pipeline.manifests.positions import Line, line_of

Dealer = Callable[[pd.DataFrame, Line, int], Dealt]
METHODS: dict[str, Dealer] = {
    "grouped": deal_groups,
    "parents": deal_sources,
    "official": deal_official,
    "random": deal_pictures,
}


def deal(table: pd.DataFrame, split: config.Split, seed: int) -> Dealt:
    """Give each picture of the training collections its split.

    Args:
        table: rows of `files.csv` with the columns `group` and `look`; each method names those it needs.
        split: method, shares and folds.
        seed: of the hash.

    Raises:
        UserError: a split that has a share cannot have pictures of both classes.
    """
    return METHODS[split.method](table, line_of(split), seed)
