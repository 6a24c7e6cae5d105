import pandas as pd

from pipeline.auditing.measure import count_savings


def pictures(*rows):
    return pd.DataFrame(rows, columns=["collection", "label", "policy"])


def test_fakes_that_kept_their_scans_are_counted_and_collections_without_any_are_named():
    kept, borrowed, alike = (
        f"matched({words},reading=1,pillow=1)" for words in ("stripped", "tables=ab", "quality=95")
    )
    found = count_savings(
        pictures(
            ("a", "fake", kept),
            ("a", "fake", borrowed),
            ("a", "genuine", borrowed),
            ("b", "fake", alike),
            ("c", "fake", borrowed),
            ("d", "genuine", borrowed),
        )
    )
    assert found == {"kept_scans": 1, "saved_alike": ["b", "c"]}


def test_other_policies_match_nothing():
    found = count_savings(pictures(("a", "fake", "equal(quality=95)"), ("a", "genuine", "equal(quality=95)")))
    assert found == {"kept_scans": 0, "saved_alike": []}
