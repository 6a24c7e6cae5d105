"""How many tested pictures a split leaks: the class that it leaks more of, and never that one unnamed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

_PLURAL = {"fake": "fakes", "genuine": "genuine pictures"}


class Leak(NamedTuple):
    """The tested pictures of one class with relatives in training.

    Attributes:
        whom: "fakes" or "genuine pictures".
        related: how many have a relative.
        pictures: how many were tested.
    """

    whom: str
    related: int
    pictures: int

    @property
    def share(self) -> float:
        """Share of them with a relative."""
        return self.related / self.pictures if self.pictures else 0.0


def leaks(counts: Mapping[str, Any]) -> list[Leak]:
    """List both classes, the one that leaks more first.

    Args:
        counts: `counts.json` of a manifest.
    """
    found = [
        Leak(_PLURAL[label], leak["with_relatives_in_train"], leak["pictures"])
        for label, leak in counts.get("leak", {}).items()
    ]
    return sorted(found, key=lambda leak: -leak.share)
