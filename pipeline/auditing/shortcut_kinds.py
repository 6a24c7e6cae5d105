"""The kinds of shortcuts that an audit looks for, with what a person is told of each.

A family holds properties of files that have one cause and one remedy; a probe learns from pixels, in a form
in which tampering as such cannot be seen. A new family is one `Family`, a new probe one entry in `PROBES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.images import content_features


@dataclass(frozen=True)
class Family:
    """Features that would tell the label for one cause, and have one remedy; texts for a person."""

    title: str  # of its row in the chart
    plain: str  # what a shortcut reads, in words that need no knowledge of files
    why_kept: str  # why it is there where the policy keeps files as they are
    # Why it is there where all files are saved anew, and what to do about it then.
    why_saved: str = (
        "The conversion saves this by the same rule in both classes, and it differs for all that."
    )
    advice: str = (
        "See by collection in “Every figure” where it comes from, and add pictures of the class that lacks it"
        "."
    )
    # Where the policy keeps files as they are.
    advice_kept: str = "Set convert=matched: it saves both classes alike and drops what software wrote."
    in_pixels: bool = True  # whether a network could read it itself


FORMAT = Family("file format", "the kind of file", "The policy keeps the formats of the files.")
COMPRESSION = Family(
    "JPEG settings", "how the file was compressed", "The policy keeps how files were compressed."
)
STRUCTURE = Family(
    "structure of the file",
    "how the file is put together",
    "The policy keeps the segments that the files' software wrote.",
    in_pixels=False,
)
METADATA = Family(
    "EXIF and other notes",
    "what software wrote into the file",
    "The policy keeps what software wrote into the files.",
    in_pixels=False,
)
BYTES = Family(
    "size in bytes",
    "the size of the file",
    "The policy keeps the files, and with them their sizes.",
    why_saved="Under like settings the size of a file tells how much detail its picture holds, and "
    "how much an earlier save had taken away.",
    advice="Even out width and height first. What is left is the pictures' own: judge a detector by "
    "how far it lies above this figure.",
    in_pixels=False,
)
_EVEN_OUT_SIZES = (
    "Train on crops of one size, or leave out the sizes that one class has alone; resizing only hides it."
)
SIZE = Family(
    "width and height",
    "the width and height of the picture",
    "The policy keeps width and height, and the classes differ in width and height.",
    why_saved="No way of saving mends this: the classes differ in width and height.",
    advice=_EVEN_OUT_SIZES,
    advice_kept=_EVEN_OUT_SIZES,
)
FAMILIES = (FORMAT, COMPRESSION, STRUCTURE, METADATA, BYTES, SIZE)  # in the order of the chart

# Fits on rows with targets (1 fake, 0 genuine) and scores other rows: higher is more fake.
Learner = Callable[[Any, np.ndarray, Any], np.ndarray]

_TREES = 200
_SHARE_OF_A_LEAF = 0.0005  # of the pictures: single ones up to 2,000, then trees stop growing with the set
_SHARE_OF_FEATURES = 0.15  # looked at for each split: few of the 667 say anything
_LIKENESSES = 200  # of a thumbnail, to so many of those learnt from
_DIGITS = 9  # of a score


def fit_and_score(model: Any, learnt: Any, target: np.ndarray, scored: Any) -> np.ndarray:
    """Fit a classifier of scikit-learn anew and return the probability of fake of other rows."""
    # On one thread: beside other work those of OpenMP wait for one another, twenty times as long as they
    # compute. A forest has workers of its own, which do not.
    with threadpool_limits(1):
        probability: np.ndarray = model.fit(learnt, target).predict_proba(scored)[:, 1]
    # The workers of a forest add up in any order; its last digits must not decide between equals.
    return np.round(probability, _DIGITS)


def _history_forest(workers: int, seed: int) -> Learner:
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(
        _TREES,
        max_features=_SHARE_OF_FEATURES,
        min_samples_leaf=_SHARE_OF_A_LEAF,
        class_weight="balanced",
        n_jobs=workers,
        random_state=seed,
    )
    return partial(fit_and_score, forest)


def _thumbnail_likeness(_workers: int, seed: int) -> Learner:
    """Weigh how like a thumbnail is to some of those learnt from.

    A forest takes many times as long here and finds no more: each of these features says a little.
    """
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def learn(learnt: np.ndarray, target: np.ndarray, scored: np.ndarray) -> np.ndarray:
        likeness = Nystroem(n_components=min(_LIKENESSES, len(learnt)), random_state=seed)
        weighed = make_pipeline(StandardScaler(), likeness, LogisticRegression(max_iter=1000))
        return fit_and_score(weighed, learnt, target, scored)

    return learn


@dataclass(frozen=True)
class Probe:
    """One way of learning from pixels that cannot see tampering as such."""

    name: str  # in the results of an audit
    features: Callable[[np.ndarray], np.ndarray]  # (height, width, 3) uint8 -> (n_features,) float32
    n_features: int
    learner: Callable[[int, int], Learner]  # made of the number of workers and a seed
    words: str  # what it reads, for a person
    column: str  # the same as the head of a column
    model: str  # what learns, and from what
    plain: str  # what it reads, in words that need no knowledge of files
    share: str  # what a part of a detector's metrics would be
    seen: str  # how pictures were looked at, and by what the label was told; the metric follows
    found: str  # a title where it tells the label; the metric follows
    not_found: str  # a title where it does not; the metric follows
    asked: str  # what too few pictures leave open
    why: str  # it is there in converted pictures; `{policy}` stands for the policy of the conversion
    advice: str  # what to do about it


HISTORY, CONTENT = "compression_history", "content"
PROBES = {
    probe.name: probe
    for probe in (
        Probe(
            name=HISTORY,
            features=content_features.history_features,
            n_features=content_features.N_HISTORY,
            learner=_history_forest,
            words="compression history in the pixels",
            column="compression history",
            model="forest on histograms",
            plain="how the file was saved before",
            share="compression history",
            seen="A forest was shown how often each DCT coefficient and each residual occurs, and neither "
            "what a picture shows nor where. On pictures that it had not learnt from it reaches a ROC AUC of",
            found="Pixels tell the label by their JPEG history",
            not_found="The pixels do not tell how they were saved",
            asked="whether pixels tell the label by their JPEG history",
            why="convert={policy} leaves in the pixels how files were saved before.",
            advice="Set convert=matched: fakes keep their last compression and genuine pictures are given "
            "the same ones, so that “saved by an editor” says nothing any more.",
        ),
        Probe(
            name=CONTENT,
            features=content_features.thumbnail_features,
            n_features=content_features.N_CONTENT,
            learner=_thumbnail_likeness,
            words="what a thumbnail shows",
            column="thumbnail",
            model="likeness of 8 × 8 colours",
            plain="what the picture shows",
            share="what pictures show",
            seen="Each picture was shrunk to 8 × 8 colours. No trace of a save or of a forgery outlives "
            "that; motif, composition, light and colours do. Told by these alone, pictures that were not "
            "learnt from reach a ROC AUC of",
            found="Fakes are told by what they show, not by how they were made",
            not_found="Fakes are not found to show other motifs",
            asked="whether fakes show other motifs",
            why="Fakes and genuine pictures differ in what they show: in motif, composition, light or "
            "colours. They may come from different sources, forgers may have chosen certain motifs, or what "
            "was put in may be so large that it changes the whole. No way of saving mends this.",
            advice="Add genuine pictures that show the same as the fakes, best those that they were made "
            "from; data.protocol=[source_matched] keeps only these, where names tell them. Judge a detector "
            "by how far it lies above this figure, and by collections that it was not trained on.",
        ),
    )
}
