"""What each class lost, and what was read of masks, is counted and said where it matters."""

import pytest
from PIL import Image

from pipeline.conversion.losses import count_losses, mask_lines, sum_up_masks, uneven_losses
from pipeline.images.files import Rejected
from tests.images.pictures import read_rows, settings


def losses(genuine, fake):
    """Counts where of each class so many of so many were lost."""
    kept, gone = [], []
    for label, (lost, of) in (("genuine", genuine), ("fake", fake)):
        kept += [("set", label)] * (of - lost)
        gone += [("set", label)] * lost
    return count_losses(kept, gone)


@pytest.mark.parametrize(
    ("genuine", "fake", "said"),
    [
        ((21, 29), (0, 8), True),
        ((0, 1000), (20, 1000), True),
        ((20, 1000), (22, 1000), False),
        ((1, 6), (0, 6), False),
        ((0, 50), (0, 50), False),
        ((5, 5), (0, 0), False),
    ],
)
def test_a_class_that_lost_clearly_more_is_named_with_both_counts(genuine, fake, said):
    found = uneven_losses(losses(genuine, fake))
    assert bool(found) == said
    if said:
        assert f"{genuine[0]} of {genuine[1]:,} genuine pictures" in found[0]
        assert f"{fake[0]} of {fake[1]:,} fake pictures" in found[0]


def test_lost_pictures_stand_in_the_table_with_their_class_and_other_files_do_not(convert, dataset, output):
    (dataset / "genuine/broken.jpg").write_bytes(b"no")
    beside = [
        Rejected("fake/notes.txt", "no picture", collection="set", label="fake"),
        Rejected("fake/x.psd", "not read", lost=True, collection="set", label="fake"),
    ]
    counts = convert(settings("equal", max_rejected=0.5), rejected=beside)
    rows = read_rows(output, "rejected.csv").set_index("path")[["collection", "label"]]
    assert rows.loc["genuine/broken.jpg"].tolist() == ["set", "genuine"]
    assert rows.loc["fake/x.psd"].tolist() == ["set", "fake"]
    assert rows.loc["fake/notes.txt"].tolist() == ["", ""]
    assert counts.losses["set"] == {"genuine": {"lost": 1, "of": 6}, "fake": {"lost": 1, "of": 6}}


def test_masks_are_summed_up_by_what_was_their_background(convert, dataset):
    for number, marked in enumerate([0.1, 0.2]):
        mask = Image.new("RGB", (60, 40), (0, 0, 255))
        mask.paste((255, 255, 255), (10, 10, 10 + round(240 * marked), 20))
        mask.save(dataset / f"masks/f{number}.png")
    found = [row for row in convert().masks if row["background"] == "#0000ff"]
    assert found == [{"collection": "set", "background": "#0000ff", "masks": 2, "median_share": 0.15}]
    line = "masks of set: 2 with #0000ff as background, half of them mark more than 15.0%"
    assert mask_lines(found) == [line]
    usual = [{**found[0], "background": each} for each in ("black", "transparent")]
    assert len(mask_lines(usual)) == 2
    assert "differ in what is background" in mask_lines([*usual, *found])[-1]
    assert sum_up_masks([]) == []
