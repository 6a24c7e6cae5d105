"""The pictures of an evaluation that a person opens."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.datasets.tables import LABELS
from pipeline.detector.decision import probability
from pipeline.evaluation.ranking import equal_mass_bins
from pipeline.evaluation.results import SHORTCUT
from pipeline.evaluation.scoring import count_calls
from pipeline.reports.numbers import as_decimal, in_percent, look_up, shown_parts, title
from pipeline.reports.rendering import (
    FAKE,
    GENUINE,
    INK,
    OF_LABEL,
    OTHERS,
    QUIET,
    drawn,
    ink_on,
    percent_axis,
    say_empty,
)

# Points of the curves, for files that other tools draw and for our own pictures.
#

MOST_POINTS = 1_000  # more cannot be told apart in a picture, and a page that holds them is slow


def roc_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute the ROC curve.

    Args:
        predictions: columns `target`, `logit` and `probability_fake`.

    Returns:
        `false_positive_rate` (share of the genuine pictures called fake), `true_positive_rate` (share of the
        fakes called fake) and `probability_fake` from which on a picture is called fake; from the corner
        where nothing is (its probability is empty) to the one where all are. Empty where a class is missing.
    """
    columns = ["false_positive_rate", "true_positive_rate", "probability_fake"]
    if predictions["target"].nunique() < 2:
        return pd.DataFrame(columns=columns, dtype=float)
    false_positive, true_positive, logit = roc_curve(predictions["target"], predictions["logit"])
    points = [false_positive, true_positive, _probability_at(logit, predictions)]
    return _thin(pd.DataFrame(dict(zip(columns, points, strict=True))))


def precision_recall_points(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compute the precision-recall curve of the fakes.

    Returns:
        `recall` (share of the fakes called fake), `precision` (share of fakes among what is called fake) and
        `probability_fake`, from the lowest threshold to the highest. Empty where a class is missing.
    """
    columns = ["recall", "precision", "probability_fake"]
    if predictions["target"].nunique() < 2:
        return pd.DataFrame(columns=columns, dtype=float)
    precision, recall, logit = precision_recall_curve(predictions["target"], predictions["logit"])
    points = [recall, precision, _probability_at(np.append(logit, np.inf), predictions)]
    return _thin(pd.DataFrame(dict(zip(columns, points, strict=True))))


def _probability_at(logit: np.ndarray, predictions: pd.DataFrame) -> np.ndarray:
    """Give the probability beside each threshold on the logit; NaN above all of them."""
    ranked = predictions[["logit", "probability_fake"]].sort_values("logit")
    place = np.searchsorted(ranked["logit"].to_numpy(), logit).clip(max=len(ranked) - 1)
    return np.where(np.isfinite(logit), ranked["probability_fake"].to_numpy()[place], np.nan)


def _thin(points: pd.DataFrame) -> pd.DataFrame:
    """Keep the ends and evenly many points between them."""
    if len(points) <= MOST_POINTS:
        return points
    return points.iloc[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]


if TYPE_CHECKING:
    from matplotlib.axes import Axes

Parts = Mapping[str, pd.DataFrame]  # title of a part -> its predictions
BINS = 20


def draw_roc(path: Path, parts: Parts, intervals: pd.DataFrame, threshold: float, confidence: float) -> None:
    """Draw the ROC curve of each part, with AUC and interval, and the point of the threshold in use."""
    with drawn(path, 4.5, 4.8) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=(0, (4, 4)), linewidth=1, label="guessing: 0.50")
        for (part, predictions), color in zip(parts.items(), (INK, *OTHERS), strict=False):
            points = roc_points(predictions)
            if points.empty:
                continue
            auc = as_decimal(look_up(intervals, part, "roc_auc"))
            axes.plot(
                points["false_positive_rate"],
                points["true_positive_rate"],
                color=color,
                label=f"{part}: {auc}",
            )
            counts = count_calls(predictions, threshold)
            share = counts.div(counts.sum(axis=1), axis=0)["fake"]
            axes.plot(
                share["genuine"], share["fake"], "o", color=color, markersize=8, markeredgecolor="white"
            )
        axes.plot([], [], "o", color=QUIET, label=f"at the threshold in use, {threshold:.2f}")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="genuine pictures called fake", ylabel="fakes called fake")
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        axes.set_title("How well are fakes told apart?")
        axes.legend(loc="lower right", title=f"ROC AUC ({confidence:.0%} interval)", alignment="left")


def draw_confusion(path: Path, parts: Parts, threshold: float) -> None:
    """Draw what pictures are against what they are called, one square a part."""
    with drawn(path, 3.9 * len(parts), 3.7) as figure:
        for place, (part, predictions) in enumerate(parts.items(), 1):
            axes = figure.add_subplot(1, len(parts), place)
            _confusion_square(axes, count_calls(predictions, threshold))
            axes.set_title(f"{part}, threshold {threshold:.2f}")


def _confusion_square(axes: "Axes", table: pd.DataFrame) -> None:
    """Fill a square with counts and shares of each row; right answers in the colour of their class."""
    from matplotlib.colors import to_rgb

    counts = table.to_numpy()
    totals = counts.sum(axis=1)
    cells = np.ones((2, 2, 3))
    for row, label in enumerate(LABELS):
        for column in range(2):
            share = counts[row, column] / totals[row] if totals[row] else 0.0
            strength = 0.08 + 0.82 * share
            # Mixed with white and not seen through, so that a page by night leaves them as they are.
            full = np.array(to_rgb(OF_LABEL[label] if row == column else QUIET))
            cells[row, column] = strength * full + (1 - strength)
            text = f"{counts[row, column]:,}" + (f"\n{share:.0%}" if totals[row] else "")
            axes.text(column, row, text, ha="center", va="center", color=ink_on(cells[row, column]),
                      fontsize=14, fontweight="bold")  # fmt: skip
    axes.imshow(cells)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([0, 1], [f"called {label}" for label in LABELS])
    axes.set_yticks([0, 1], [f"{label}\n({total:,})" for label, total in zip(LABELS, totals, strict=True)])


def draw_scores(path: Path, parts: Parts, threshold: float) -> None:
    """Draw how the answers of each class are spread, one class above the other, with the threshold."""
    with drawn(path, 4.1 * len(parts) + 0.4, 4.2) as figure:
        axes = figure.subplots(2, len(parts), sharex=True, sharey="col", squeeze=False)
        for column, (part, predictions) in enumerate(parts.items()):
            _histogram(axes[0, column], predictions, "fake", threshold)
            _histogram(axes[1, column], predictions, "genuine", threshold)
            axes[0, column].set_title(part)
            axes[1, column].set_xlabel(f"probability of fake (threshold {threshold:.2f})")


def _histogram(axes: "Axes", predictions: pd.DataFrame, label: str, threshold: float) -> None:
    """Draw one class; the bars that are wrongly called are hatched."""
    answers = predictions.loc[predictions["label"] == label, "probability_fake"].to_numpy()
    axes.set_xlim(0, 1)
    axes.set_ylabel(f"share of\n{len(answers):,} {label}")
    percent_axis(axes.yaxis)
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    if not len(answers):
        return
    # The threshold is an edge of a bar, so that no bar is right and wrong at once.
    edges = np.unique(np.append(np.linspace(0, 1, BINS + 1), threshold))
    counts, _ = np.histogram(answers, bins=edges)
    called_fake = edges[:-1] >= threshold
    wrong = called_fake != (label == "fake")
    for rows, hatch, verdict in ((~wrong, "", "right"), (wrong, "////", "wrong")):
        axes.bar(
            edges[:-1][rows],
            counts[rows] / len(answers),
            width=np.diff(edges)[rows],
            align="edge",
            color=OF_LABEL[label] if not hatch else "white",
            edgecolor="white" if not hatch else OF_LABEL[label],
            hatch=hatch,
            linewidth=0.6,
            label=f"{verdict}: {counts[rows].sum() / len(answers):.0%}",
        )
    axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=2, borderaxespad=0)


def draw_training(path: Path, history: pd.DataFrame) -> None:
    """Draw loss and figures by epoch, training beside validation."""
    with drawn(path, 4.5, 6.0) as figure:
        loss, figures = figure.subplots(2, 1, sharex=True)
        _epochs(loss, history, {"train/loss": "training", "validation/loss": "validation"})
        loss.set_title("Loss")
        loss.set_xlabel("")
        names = {"train/accuracy": "training: accuracy", "validation/accuracy": "validation: accuracy"}
        _epochs(figures, history, names | {"validation/roc_auc": "validation: ROC AUC"})
        figures.set_title("Figures")
        figures.set_ylim(0.0, 1.02)


def _epochs(axes: "Axes", history: pd.DataFrame, names: Mapping[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    looks: dict[str, Any] = {
        "train/loss": {"color": QUIET, "linestyle": (0, (4, 2))},
        "validation/loss": {"color": GENUINE},
        "train/accuracy": {"color": QUIET, "linestyle": (0, (4, 2))},
        "validation/accuracy": {"color": GENUINE},
        "validation/roc_auc": {"color": FAKE},
    }
    there = {
        column: name for column, name in names.items() if column in history and history[column].notna().any()
    }
    if not there:
        say_empty(axes, "nothing was recorded")
        return
    for column, name in there.items():
        axes.plot(history["epoch"], history[column], marker="o", markersize=4, label=name, **looks[column])
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")


def draw_figures(path: Path, intervals: pd.DataFrame, confidence: float) -> None:
    """Draw the headline figures of each part with their intervals, and the best shortcut beside."""
    parts = shown_parts(intervals)
    metrics = {
        "fake_accuracy": ("fakes called fake", FAKE),
        "genuine_accuracy": ("genuine called genuine", GENUINE),
        "balanced_accuracy": ("balanced accuracy", INK),
        "roc_auc": ("ROC AUC", OTHERS[0]),
    }
    with drawn(path, 10.4, 1.6 + 0.5 * len(parts)) as figure:
        columns = figure.subplots(1, len(metrics), sharey=True, gridspec_kw={"wspace": 0.12})
        for axes, (metric, (name, color)) in zip(columns, metrics.items(), strict=True):
            axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
            for row, part in enumerate(parts):
                found = look_up(intervals, part, metric)
                write = as_decimal if metric == "roc_auc" else in_percent
                at = {"ha": "center", "va": "bottom", "fontsize": 8, "color": INK}
                axes.text(0.5, row - 0.2, write(found), bbox={"color": "white", "pad": 1}, **at)
                if found.low is not None and found.high is not None:
                    axes.plot([found.low, found.high], [row, row], color=color)
                if found.value is not None:
                    axes.plot(found.value, row, "o", color=color, markersize=7, markeredgecolor="white")
                if metric == "roc_auc":
                    beside = look_up(intervals, part, SHORTCUT)
                    if beside.value is not None:
                        axes.plot(beside.value, row + 0.24, "D", color=QUIET, markersize=5, fillstyle="none")
            axes.set_title(name, fontsize=10)
            axes.set_xlim(-0.03, 1.03)
            if metric != "roc_auc":
                percent_axis(axes.xaxis)
        columns[0].set_ylim(len(parts) - 0.4, -0.8)
        columns[0].set_yticks(range(len(parts)), [_with_counts(intervals, part) for part in parts])
        note = f"with {confidence:.0%} intervals over groups of pictures"
        if (intervals["metric"] == SHORTCUT).any():
            note += "; ◇ what the best shortcut alone reaches"
        figure.supxlabel(note, fontsize=9, color=QUIET)


def _with_counts(intervals: pd.DataFrame, part: str) -> str:
    """Name a part and say how many pictures its figures stand on."""
    row = intervals[intervals["part"] == part].iloc[0]
    return f"{title(part).strip()}\n{row['n_fake']:,} fake, {row['n_genuine']:,} genuine"


# Are 70 of 100 pictures that are called fake with 70 % really fake? The reliability diagram.
#


def reliability_points(given: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """Cut pictures into the bins of the expected calibration error (`scoring.probabilities`).

    Args:
        given: (n,) probability of being fake.
        target: (n,) 1 for fakes.

    Returns:
        one row a bin: `probability` (mean), `share_fake` and `n`; fewer rows than bins where there are ties
        or few pictures.
    """
    table = pd.DataFrame({"probability": given, "share_fake": target})
    found = table.groupby(equal_mass_bins(given))
    return found.mean().assign(n=found.size()).reset_index(drop=True)


def draw_reliability(path: Path, predictions: pd.DataFrame, temperature: float | None) -> None:
    """Draw how often pictures are fake against the probability that they were given.

    Args:
        path: PNG or SVG.
        predictions: `logit` (the network's own), `probability_fake` (after temperature scaling), `target`.
        temperature: None: probabilities are the network's own, and one curve is drawn.
    """
    with drawn(path, 4.5, 4.8) as figure:
        axes = figure.add_subplot()
        target = predictions["target"].to_numpy()
        if predictions.empty:
            say_empty(axes, "no pictures")
            return
        after = reliability_points(predictions["probability_fake"].to_numpy(), target)
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=(0, (4, 4)), linewidth=1, label="as it should be")
        if temperature is not None:
            before = reliability_points(probability(predictions["logit"]), target)
            axes.plot(before["probability"], before["share_fake"], "o-", color=OTHERS[2], linewidth=1.2,
                      markersize=5, markerfacecolor="white", label="the network's own")  # fmt: skip
        label = "probability" if temperature is None else f"after temperature {temperature:.2f}"
        axes.plot(after["probability"], after["share_fake"], "o-", color=INK, linewidth=1.6, markersize=6,
                  markeredgecolor="white", label=label)  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel="probability of fake that it gave", ylabel="of these, really fake")
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        axes.set_title("Are its probabilities right?")
        sizes = (
            f"{after['n'].min()}" if after["n"].nunique() == 1 else f"{after['n'].min()}–{after['n'].max()}"
        )
        axes.legend(loc="upper left", title=f"{len(after)} bins of {sizes} pictures", alignment="left")


# How many of the most suspicious pictures are fake: the precision–recall curve.
#


def draw_precision_recall(
    path: Path, parts: Mapping[str, pd.DataFrame], intervals: pd.DataFrame, threshold: float
) -> None:
    """Draw the curve of each part, what guessing gives there (dashed), and the threshold in use (dot)."""
    with drawn(path, 4.5, 4.8) as figure:
        axes = figure.add_subplot()
        for (part, predictions), color in zip(parts.items(), (INK, *OTHERS), strict=False):
            points = precision_recall_points(predictions)
            if points.empty:
                continue
            found = as_decimal(look_up(intervals, part, "average_precision"))
            axes.step(
                points["recall"], points["precision"], where="post", color=color, label=f"{part}: {found}"
            )
            axes.axhline(predictions["target"].mean(), color=color, linewidth=1, linestyle=(0, (4, 4)))
            (_, wrong), (missed, right) = count_calls(predictions, threshold).to_numpy().tolist()
            if right + wrong:
                at = right / (right + missed), right / (right + wrong)
                axes.plot(*at, "o", color=color, markersize=8, markeredgecolor="white")
        axes.set_title("Of what it suspects, how much is fake?")
        if not axes.lines:
            say_empty(axes, "needs both classes")
            return
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        axes.set(xlabel="recall: of the fakes, found", ylabel="precision: of what it calls fake, fake")
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        axes.legend(loc="lower left", title="average precision; dashed: guessing", alignment="left")
