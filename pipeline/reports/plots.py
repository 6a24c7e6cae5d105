"""Curves, histograms and squares of an evaluation: their points, and charts of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.datasets.tables import LABELS
from pipeline.detector.decision import probability
from pipeline.evaluation.ranking import equal_mass_bins
from pipeline.evaluation.results import Results
from pipeline.evaluation.risk_coverage import risk_coverage
from pipeline.evaluation.scoring import count_calls
from pipeline.reports.rendering import (
    DASHED,
    FAKE,
    GENUINE,
    INK,
    OF_LABEL,
    OTHERS,
    QUIET,
    as_decimal,
    ink_on,
    new_chart,
    percent_axis,
    say_empty,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 20
LARGE: dict[str, Any] = {"markersize": 8, "markeredgecolor": "white"}
FEWEST_BINS = 4  # of a curve that says anything
_SETTLED = 0.1  # of the pictures, from which on the risk is drawn: of fewer each error makes it jump
_LEAST_RISK = 0.02  # that the axis shows, so that no error in a thousand looks like many
MOST_POINTS = 1_000  # more cannot be told apart in a chart, and a page that holds them is slow


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
    """Return the probability beside each threshold on the logit; NaN above all of them."""
    ranked = predictions[["logit", "probability_fake"]].sort_values("logit")
    index = np.searchsorted(ranked["logit"].to_numpy(), logit).clip(max=len(ranked) - 1)
    return np.where(np.isfinite(logit), ranked["probability_fake"].to_numpy()[index], np.nan)


def _thin(points: pd.DataFrame) -> pd.DataFrame:
    """Keep the ends and evenly many points between them."""
    if len(points) <= MOST_POINTS:
        return points
    return points.iloc[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]


def reliability_points(given: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """Return the bins of equal mass of the expected calibration error.

    Args:
        given: (n,) probability of being fake.
        target: (n,) 1 for fakes.

    Returns:
        one row a bin: `probability` (mean), `share_fake` and `n`; fewer rows than bins where there are ties.
    """
    table = pd.DataFrame({"probability": given, "share_fake": target})
    bins = table.groupby(equal_mass_bins(given))
    return bins.mean().assign(n=bins.size()).reset_index(drop=True)


def plot_roc(results: Results) -> "Figure":
    """Plot the ROC curve here and elsewhere, with AUC and interval, and the point of the threshold in use."""
    with new_chart(4.5, 4.8) as chart:
        axes = chart.add_subplot()
        axes.plot([0, 1], [0, 1], **DASHED, label="guessing: 0.50")
        for (subset, predictions), color in zip(results.pooled().items(), (INK, *OTHERS), strict=False):
            points = roc_points(predictions)
            if points.empty:
                continue
            label = f"{subset}: {as_decimal(results.metric(subset, 'roc_auc'))}"
            axes.plot(points["false_positive_rate"], points["true_positive_rate"], color=color, label=label)
            counts = count_calls(predictions, results.threshold)
            share = counts.div(counts.sum(axis=1), axis=0)["fake"]
            axes.plot(share["genuine"], share["fake"], "o", color=color, **LARGE)
        axes.plot([], [], "o", color=QUIET, label=f"at the threshold in use, {results.threshold:.2f}")
        axes.set(aspect="equal", xlabel="genuine pictures called fake", ylabel="fakes called fake")
        axes.set_title("How well are fakes told apart?")
        _unit_square(axes)
        axes.legend(loc="lower right", title=f"ROC AUC ({results.confidence:.0%} interval)", alignment="left")
        return chart


def plot_precision_recall(results: Results) -> "Figure":
    """Plot the curve here and elsewhere, what guessing gives (dashed), and the threshold in use (dot)."""
    with new_chart(4.5, 4.8) as chart:
        axes = chart.add_subplot()
        for (subset, predictions), color in zip(results.pooled().items(), (INK, *OTHERS), strict=False):
            points = precision_recall_points(predictions)
            if points.empty:
                continue
            label = f"{subset}: {as_decimal(results.metric(subset, 'average_precision'))}"
            axes.step(points["recall"], points["precision"], where="post", color=color, label=label)
            axes.axhline(predictions["target"].mean(), **{**DASHED, "color": color})
            (_, wrong), (missed, right) = count_calls(predictions, results.threshold).to_numpy().tolist()
            if right + wrong:
                axes.plot(right / (right + missed), right / (right + wrong), "o", color=color, **LARGE)
        axes.set_title("Of what it suspects, how much is fake?")
        if axes.lines:
            axes.set(xlabel="recall: of the fakes, found", ylabel="precision: of what it calls fake, fake")
            _unit_square(axes)
            axes.legend(loc="lower left", title="average precision; dashed: guessing", alignment="left")
        else:
            say_empty(axes, "needs both classes")
        return chart


def plot_reliability(results: Results) -> "Figure":
    """Plot how often pictures are fake against the probability they were given, also before calibration."""
    predictions, temperature = next(iter(results.pooled().values())), results.decision.get("temperature")
    with new_chart(4.5, 4.8) as chart:
        axes = chart.add_subplot()
        if predictions.empty:
            say_empty(axes, "no pictures")
            return chart
        target = predictions["target"].to_numpy()
        axes.plot([0, 1], [0, 1], **DASHED, label="as it should be")
        if temperature is not None:
            before = reliability_points(probability(predictions["network"]), target)
            axes.plot(before["probability"], before["share_fake"], "o-", color=OTHERS[2], linewidth=1.2,
                      markersize=5, markerfacecolor="white", label="the network's own")  # fmt: skip
        after = reliability_points(predictions["probability_fake"].to_numpy(), target)
        label = "probability" if temperature is None else "calibrated, of all tests"
        axes.plot(after["probability"], after["share_fake"], "o-", color=INK, linewidth=1.6, markersize=6,
                  markeredgecolor="white", label=label)  # fmt: skip
        axes.set(xlabel="probability of fake that it gave", ylabel="of these, really fake")
        axes.set_title("Are its probabilities right?")
        _unit_square(axes)
        sizes = "–".join(str(size) for size in sorted({after["n"].min(), after["n"].max()}))
        axes.legend(loc="upper left", title=f"{len(after)} bins of {sizes} pictures", alignment="left")
        return chart


def risk_coverage_points(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Compute the risk-coverage curve: `confidence`, `coverage` and `risk`, from the surest answer on."""
    return _thin(risk_coverage(predictions, threshold).points)


def plot_risk_coverage(results: Results) -> "Figure":
    """Plot how many calls are wrong against how many are made, here and elsewhere, with the verdicts."""
    parts = {name: each for name, each in results.pooled().items() if len(each)}
    highest = _LEAST_RISK
    with new_chart(4.5, 4.8) as chart:
        axes = chart.add_subplot()
        axes.set_title("When it commits itself, how often wrong?")
        if not parts:
            say_empty(axes, "no pictures")
            return chart
        for (subset, predictions), color in zip(parts.items(), (INK, *OTHERS), strict=False):
            found = risk_coverage(predictions, results.threshold)
            verdicts = found.verdicts
            points = _thin(found.points[found.points["coverage"] >= _SETTLED])
            axes.plot(points["coverage"], points["risk"], color=color, label=f"{subset}: {found.aurc:.3f}")
            axes.axhline(found.by_chance, **{**DASHED, "color": color})
            axes.plot(verdicts.coverage, verdicts.risk, "o", color=color, **LARGE)
            highest = np.nanmax([highest, points["risk"].max(), verdicts.risk])
        axes.plot([], [], "o", color=QUIET, label="its verdicts, without unsure and cannot tell")
        axes.plot([], [], **DASHED, label="abstaining at random")
        axes.set(
            xlabel="coverage: definite verdicts, of all pictures", ylabel="risk: wrong, of these verdicts"
        )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02 * highest, 1.45 * highest))
        percent_axis(axes.xaxis)
        percent_axis(axes.yaxis)
        axes.legend(loc="upper left", title="area under the curve (low is good)", alignment="left")
        return chart


def _unit_square(axes: "Axes") -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)


def plot_confusion(results: Results) -> "Figure":
    """Plot what pictures are against what they are called, one square a subset, one below the other."""
    parts = results.pooled()
    with new_chart(4.5, 3.9 * len(parts)) as chart:
        for index, (subset, predictions) in enumerate(parts.items(), 1):
            axes = chart.add_subplot(len(parts), 1, index)
            _confusion_square(axes, count_calls(predictions, results.threshold))
            axes.set_title(f"{subset}, threshold {results.threshold:.2f}")
        return chart


def _confusion_square(axes: "Axes", table: pd.DataFrame) -> None:
    """Fill a square with counts and shares of each row; right answers in the colour of their class."""
    from matplotlib.colors import to_rgb

    counts = table.to_numpy()
    totals = counts.sum(axis=1)
    shades = np.ones((2, 2, 3))
    for row, label in enumerate(LABELS):
        for column in range(2):
            share = counts[row, column] / totals[row] if totals[row] else 0.0
            strength = 0.08 + 0.82 * share
            # Mixed with white and not seen through, so that a page by night leaves them as they are.
            full = np.array(to_rgb(OF_LABEL[label] if row == column else QUIET))
            shades[row, column] = strength * full + (1 - strength)
            text = f"{counts[row, column]:,}" + (f"\n{share:.0%}" if totals[row] else "")
            axes.text(column, row, text, ha="center", va="center", color=ink_on(shades[row, column]),
                      fontsize=14, fontweight="bold")  # fmt: skip
    axes.imshow(shades)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([0, 1], [f"called {label}" for label in LABELS])
    axes.set_yticks([0, 1], [f"{label}\n({total:,})" for label, total in zip(LABELS, totals, strict=True)])


def plot_scores(results: Results) -> "Figure":
    """Plot how the answers of each class are spread, one class above the other, with the threshold."""
    parts, threshold = results.pooled(), results.threshold
    with new_chart(4.5, 4.2 * len(parts)) as chart:
        rows = chart.subplots(2 * len(parts), 1, sharex=True, sharey=True)
        for index, (subset, predictions) in enumerate(parts.items()):
            for axes, label in zip(rows[2 * index :], ("fake", "genuine"), strict=False):
                _histogram(axes, predictions, label, threshold)
            rows[2 * index].set_title(subset)
        rows[-1].set_xlabel(f"probability of fake (threshold {threshold:.2f})")
        return chart


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


def plot_training(results: Results) -> "Figure":
    """Plot loss and metrics by epoch, training beside validation."""
    history, training = results.history, {"color": QUIET, "linestyle": (0, (4, 2))}
    with new_chart(4.5, 6.0) as chart:
        loss, metrics = chart.subplots(2, 1, sharex=True)
        _plot_epochs(loss, history, {"train/loss": ("training", training),
                                     "validation/loss": ("validation", {"color": GENUINE})})  # fmt: skip
        loss.set_title("Loss")
        loss.set_xlabel("")
        _plot_epochs(
            metrics,
            history,
            {
                "train/accuracy": ("training: accuracy", training),
                "validation/accuracy": ("validation: accuracy", {"color": GENUINE}),
                "validation/roc_auc": ("validation: ROC AUC", {"color": FAKE}),
            },
        )
        metrics.set_title("Figures")
        metrics.set_ylim(0.0, 1.02)
        return chart


def _plot_epochs(
    axes: "Axes", history: pd.DataFrame, columns: Mapping[str, tuple[str, dict[str, Any]]]
) -> None:
    from matplotlib.ticker import MaxNLocator

    for column, (label, style) in columns.items():
        if column in history and history[column].notna().any():
            axes.plot(history["epoch"], history[column], marker="o", markersize=4, label=label, **style)
    if not axes.lines:
        say_empty(axes, "nothing was recorded")
        return
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
