"""What came of the pictures of each class, and what was read of their masks, in numbers and in words.

Where one class loses clearly more pictures than the other, what is left tells something of the label: the
photographs of a telephone that could not be read may be all of one class.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

_LABELS = ("genuine", "fake")
_USUAL = {"black", "transparent"}  # backgrounds that mix without a doubt
_SURE = 0.01  # chance of a difference as large, if both classes lost alike, below which it is said


def count_losses(
    kept: Iterable[tuple[str, str]], lost: Iterable[tuple[str, str]]
) -> dict[str, dict[str, dict[str, int]]]:
    """Count pictures by collection and label: `lost`, and `of` how many; not where a collection lost none.

    >>> count_losses([("a", "fake"), ("a", "genuine")], [("a", "genuine")])
    {'a': {'genuine': {'lost': 1, 'of': 2}, 'fake': {'lost': 0, 'of': 1}}}
    """
    there, gone = Counter(kept), Counter(lost)
    return {
        collection: {
            label: {
                "lost": gone[collection, label],
                "of": there[collection, label] + gone[collection, label],
            }
            for label in _LABELS
        }
        for collection in sorted({collection for collection, _ in gone})
    }


def uneven_losses(losses: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    """Return a sentence for each collection of which one class lost more than chance would explain.

    By Fisher's exact test, so that one lost picture of a few is no finding.
    """
    sentences = []
    for collection, by_label in losses.items():
        counts = [(by_label[label]["lost"], by_label[label]["of"]) for label in _LABELS]
        if not any(lost for lost, _ in counts):
            continue
        from scipy.stats import fisher_exact  # takes half a second to import

        chance = fisher_exact(np.array([[lost, of - lost] for lost, of in counts])).pvalue
        if chance >= _SURE or not all(of for _, of in counts):
            continue
        words = " and ".join(
            f"{lost:,} of {of:,} {label} pictures ({lost / of:.1%})"
            for label, (lost, of) in zip(_LABELS, counts, strict=True)
        )
        sentences.append(f"collection {collection} lost {words}: what is left may tell the label")
    return sentences


def sum_up_masks(rows: Iterable[tuple[str, str, float]]) -> list[dict[str, Any]]:
    """Sum up masks: of each `collection` and `background` how many `masks`, and the `median_share` marked.

    `rows` are collection, background and marked share of each mask that was read.
    """
    shares: dict[tuple[str, str], list[float]] = {}
    for collection, background, share in rows:
        shares.setdefault((collection, background), []).append(share)
    return [
        {
            "collection": collection,
            "background": background,
            "masks": len(of_kind),
            "median_share": round(float(np.median(of_kind)), 4),
        }
        for (collection, background), of_kind in sorted(shares.items())
    ]


def mask_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write `sum_up_masks` as lines for a terminal; a collection is one that was drawn in one way."""
    lines = [
        f"masks of {row['collection']}: {row['masks']:,} with {row['background']} as background, "
        f"half of them mark more than {row['median_share']:.1%}"
        for row in found
    ]
    ways: dict[str, set[str]] = {}
    for row in found:
        ways.setdefault(row["collection"], set()).add(row["background"])
    return lines + [
        f"warning: masks of {collection} differ in what is background; look whether each is right, or say it "
        f"with data.collections.{collection}.mask_background"
        for collection, backgrounds in ways.items()
        if len(backgrounds - _USUAL) + bool(backgrounds & _USUAL) > 1
    ]
