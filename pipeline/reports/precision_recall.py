"""How many of the most suspicious pictures are fake: the precision–recall curve."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pipeline.reports.numbers import as_decimal, look_up
from pipeline.reports.points import precision_recall_points
from pipeline.reports.style import INK, OTHERS, drawn, percent_axis, say_empty
from pipeline.scoring.metrics import count_verdicts


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
            (_, wrong), (missed, right) = count_verdicts(predictions, threshold).to_numpy().tolist()
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
