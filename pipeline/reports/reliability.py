"""Are 70 of 100 pictures that are called fake with 70 % really fake? The reliability diagram."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.reports.style import INK, OTHERS, QUIET, drawn, percent_axis, say_empty
from pipeline.scoring.answers import probability
from pipeline.scoring.probabilities import equal_mass_bins


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
