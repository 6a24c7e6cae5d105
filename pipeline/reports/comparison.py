"""The table of a comparison, for a terminal of 80 columns."""

import pandas as pd

_METRICS = {"roc_auc": "ROC AUC", "balanced_accuracy": "balanced"}


def comparison_table(rows: pd.DataFrame, confidence: float) -> str:
    """Lay out the rows of `scoring.comparison.compare`."""
    lines = [f"{'':<13}{'fakes':>7}{'genuine':>8}  {'':<9}{'first':>7}{'second':>7}  difference"]
    for row in rows.to_dict("records"):
        name = row["part"] if len(row["part"]) <= 12 else f"{row['part'][:11]}…"
        low, high = ("–" if pd.isna(row[end]) else f"{row[end]:+.3f}" for end in ("low", "high"))
        lines.append(
            f"{name:<13}{row['n_fake']:>7,}{row['n_genuine']:>8,}  {_METRICS[row['metric']]:<9}"
            f"{row['first']:>7.3f}{row['second']:>7.3f}  {row['difference']:+.3f} ({low} to {high})"
        )
    lines += ["", f"(a to b): {confidence:.0%} interval, from the same groups drawn for both."]
    return "\n".join(lines)
