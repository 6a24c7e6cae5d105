import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from pipeline.auditing.file_features import FEATURES
from pipeline.auditing.measurements import Measurements, Side
from pipeline.auditing.shortcut_kinds import CONTENT, HISTORY
from pipeline.reports.audit_advice import still_there
from pipeline.reports.audit_report import audit_rows, plot_audit, render_page, summarise_audit, write_audit
from pipeline.reports.audit_text import remarks, verdict
from pipeline.reports.rendering import BAD, GOOD, WARNING, draw
from tests.reports.audited import audit, estimate, part, side
from tests.reports.page import Page

EQUAL = audit("equal", side(0.99, 0.56, bytes=0.54, width=0.53))
MATCHED = audit("matched", side(0.82, 0.56, bytes=0.54, width=0.66))
CLEAN = audit("matched", side(0.52, 0.5, bytes=0.51), side(0.55, 0.52, bytes=0.51))
ALIKE = audit("matched", side(0.98, 0.56, bytes=0.54, width=0.53))
ALIKE["parts"]["training"] |= {"kept_scans": 0, "saved_alike": ["folders"]}
STRONG = audit("matched", side(0.97, 0.85, bytes=0.54))
MOTIFS = audit("matched", side(0.82, 0.5, content=0.7, bytes=0.51))
COPIED = audit("raw", side(0.7, 0.9, format=0.8, software=0.7, bytes=0.65, jfif=0.6))
TOO_FEW = audit("equal", None)
TOO_FEW["parts"]["training"] |= {"too_few": "5 fake pictures, fewer than 8", "raw": None}

IDS = ["equal", "matched", "clean", "alike", "strong", "motifs", "copied", "too few"]


def test_after_equal_the_page_says_that_figures_would_be_jpeg_history():
    text = render_page(EQUAL)
    assert "would be JPEG history" in text
    assert "convert=matched" in text
    assert verdict(EQUAL) == "Figures of a detector trained on these pictures would be JPEG history."


def test_after_matched_the_page_names_what_is_still_there_and_why():
    named = {shortcut.name: why for shortcut, why in still_there(MATCHED)}
    assert set(named) == {HISTORY, "width"}
    assert "No way of saving mends this" in named["width"]
    assert "earlier saves under it" in named[HISTORY]
    assert "would be JPEG history" not in render_page(MATCHED)


def test_matched_without_fake_jpegs_is_told_as_what_it_was():
    text = render_page(ALIKE)
    assert verdict(ALIKE) == "Figures of a detector trained on these pictures would be JPEG history."
    levels = {remark.level: remark for remark in remarks(ALIKE)}
    assert "would be JPEG history" in levels[BAD].text
    assert "fakes saved as JPEG" in levels[BAD].advice
    assert "convert=matched had nothing to match in folders" in text
    assert "fewer than five fake JPEGs" in text
    assert "The last save is alike" not in text
    assert "No way of saving takes this away" not in text
    ((_, why),) = still_there(ALIKE)
    assert "too few fake JPEGs" in why


def test_where_one_of_several_collections_was_not_matched_the_whole_was_not():
    mixed = audit("matched", side(0.85, 0.5))
    mixed["parts"]["training"] |= {"kept_scans": 40, "saved_alike": ["pngs"]}
    assert verdict(mixed) == "Figures of a detector trained on these pictures would be JPEG history."
    worst = remarks(mixed)[0]
    assert "Saving all pictures alike" not in worst.text
    assert "nothing to match in pngs" in render_page(mixed)


def test_a_strong_probe_is_bad_under_matched_too():
    assert verdict(STRONG) == "Even with matched saves a detector's figures would be compression history."
    worst = remarks(STRONG)[0]
    assert (worst.level, "in spite of matched saves" in worst.title) == (BAD, True)
    assert "one more save on genuine JPEGs" in worst.text


def test_fakes_that_show_something_else_are_told_in_plain_words():
    assert verdict(MOTIFS) == (
        "Part of a detector's figures will be compression history and what pictures show: read them beside "
        "the figures of “compression history in the pixels” and “what a thumbnail shows”."
    )
    (remark,) = [each for each in remarks(MOTIFS) if "what they show" in each.title]
    assert remark.level == WARNING
    assert "motif, composition, light" in remark.text
    assert "data.protocol=[source_matched]" in remark.advice
    assert {shortcut.name for shortcut, _ in still_there(MOTIFS)} == {HISTORY, CONTENT}
    assert remarks(audit("equal", side(0.5, 0.5, content=0.85)))[0].level == BAD


def test_what_a_thumbnail_shows_stands_in_the_chart_and_in_the_summary(tmp_path):
    assert [row.title for row in audit_rows(MOTIFS["parts"]["training"])][-1] == "what a thumbnail shows"
    (line,) = [
        line for line in summarise_audit(MOTIFS, tmp_path).splitlines() if line.startswith("what a thumbnail")
    ]
    assert "0.70 (.65–.75)" in line
    assert "Fakes are not found to show other motifs: 0.50" in render_page(CLEAN)
    assert "it may be as much as" not in render_page(CLEAN)
    wide = audit("matched", side(0.5, 0.5, content=0.58))
    wide["parts"]["training"]["converted"]["probe"][CONTENT]["low"] = 0.44
    assert "it may be as much as 0.63" in render_page(wide)


def test_motifs_that_only_tell_the_collection_are_said_to():
    several = audit(
        "matched",
        side(0.5, 0.5, content=0.7),
        **{
            "collections.one": part(side(0.9), side(0.5), n_fake=150),
            "collections.two": part(side(0.9), side(0.5)),
        },
    )
    (remark,) = [each for each in remarks(several) if "what they show" in each.title]
    assert "which collection a picture is from" in remark.text
    assert "Read a detector's figures by collection" in remark.advice


def test_all_properties_together_are_told_from_single_ones():
    (remark,) = [each for each in remarks(STRONG) if each.title.startswith("Converted files")]
    assert remark.text.startswith("No single property does; together they do. The strongest alone: size of")
    assert not [each for each in remarks(STRONG) if re.search(r"\b0 .*properties", each.text)]


@pytest.mark.parametrize("policy", ["raw", "tif_only", "equal", "matched", "lossless"])
@pytest.mark.parametrize("value", [0.65, 0.97])
@pytest.mark.parametrize("name", [*FEATURES, "all", "content", None])
def test_what_is_wrong_comes_with_advice(policy, value, name):
    if name == "all":
        found = side(0.5, value, bytes=0.52)
    elif name == "content":
        found = side(0.5, 0.5, content=value)
    else:
        found = side(0.5, **{name: value}) if name else side(value, 0.5, bytes=0.52)
    serious = [each for each in remarks(audit(policy, found)) if each.level in (BAD, WARNING)]
    assert serious
    assert all(each.advice for each in serious)
    assert all(why for _, why in still_there(audit(policy, found)))


def test_where_nothing_is_found_the_page_says_so():
    assert verdict(CLEAN) == "Nothing was found besides the tampering that tells the label."
    assert {remark.level for remark in remarks(CLEAN)} == {"good"}


@pytest.mark.parametrize(
    ("spread", "says"),
    [
        (0.05, "Nothing was found besides the tampering that tells the label."),
        (0.3, "Too few pictures to tell: shortcuts of up to 0.82 are possible."),
        (0.45, "Too few pictures to tell: shortcuts of up to 0.97 are possible."),
    ],
)
def test_nothing_was_found_only_where_intervals_end_low(spread, says):
    found = audit("matched", side(0.52, 0.5, bytes=0.51))
    converted = found["parts"]["training"]["converted"]
    for kind in ("features", "all_metadata", "probe"):
        converted[kind] = {name: estimate(each["roc_auc"], spread) for name, each in converted[kind].items()}
    assert verdict(found) == says
    praised = {remark.title for remark in remarks(found) if remark.level == GOOD}
    assert praised == ({"Nothing tested was trained on"} if spread > 0.1 else praised)
    assert len(praised) == (4 if spread < 0.1 else 1)
    assert ("! Too few pictures to tell" in summarise_audit(found, Path("audit.html"))) == (spread > 0.1)


def test_what_was_learnt_the_wrong_way_round_is_no_proof_of_nothing():
    found = audit("matched", side(0.3, 0.5, bytes=0.51))
    assert verdict(found) == "Too few pictures to tell: shortcuts of up to 0.75 are possible."


def test_a_test_that_will_be_rough_is_named_before_training():
    assert "Few pictures to test on" not in render_page(CLEAN)
    rough = CLEAN | {"test_groups": {"genuine": 12, "fake": 1}}
    assert "Only 1 group of fakes and 12 groups of genuine pictures" in render_page(rough)
    assert "! Few pictures to test on" in summarise_audit(rough, Path("audit.html"))


def test_a_property_that_only_tells_the_collection_is_said_to():
    several = audit(
        "matched",
        side(0.52, 0.5, quality=0.7),
        **{
            "collections.one": part(side(0.9), side(0.5, quality=0.51), n_fake=150),
            "collections.two": part(side(0.9), side(0.5, quality=0.5)),
        },
    )
    ((_, why),) = still_there(several)
    assert "which collection a picture is from" in why
    assert "one 75%, two 50%" in why


def test_what_may_be_chance_is_said_to_be():
    wide = audit("matched", side(0.52, 0.5, width=0.62))
    wide["parts"]["training"]["converted"]["features"]["width"]["low"] = 0.4
    assert "(.40–.67), may be chance" in render_page(wide)
    wide["parts"]["training"]["converted"]["features"]["width"]["low"] = 0.56
    assert "may be chance" not in render_page(wide)


@pytest.mark.parametrize("found", [EQUAL, MATCHED, CLEAN, ALIKE, STRONG, MOTIFS, COPIED, TOO_FEW], ids=IDS)
def test_the_page_is_one_whole_file_that_loads_nothing(found):
    training = found["parts"]["training"]
    chart = None if training["too_few"] else draw(plot_audit(audit_rows(training), found["settings"]))
    text = render_page(found, chart)
    assert ("<svg" in text) == (found is not TOO_FEW)
    assert all(each.startswith(("#", "data:,")) for each in Page(text).loaded)
    assert not re.search(r"url\((?!#)|@import|https?://|<script", text)


@pytest.mark.parametrize("found", [EQUAL, MATCHED, CLEAN, ALIKE, STRONG, MOTIFS, COPIED, TOO_FEW], ids=IDS)
def test_the_summary_fits_a_terminal(found, tmp_path):
    lines = summarise_audit(found, tmp_path / "audit.html").splitlines()
    assert all(len(line) <= 80 for line in lines[:-1])
    assert lines[-1].endswith("audit.html")


def test_the_summary_says_of_how_many_pictures_and_whether_to_believe_it(tmp_path):
    said = " ".join(summarise_audit(EQUAL, tmp_path / "audit.html").split())
    assert "On the test pictures (10 genuine, 9 fake) the strongest of these shortcuts" in said
    few = audit("equal", side(0.5, 0.5))
    tested = {"name": "width", "n_genuine": 10, "n_fake": 9, "roc_auc": 0.6, "low": None, "high": None}
    few["on_test"] = {"test": {"n_genuine": 10, "n_fake": 9, "best_feature": tested}}
    said = " ".join(summarise_audit(few, tmp_path / "audit.html").split())
    assert "reaches 0.60, too few to be believed." in said


def test_a_page_has_no_rows_of_nothing():
    few = audit("matched", side(0.5))
    group = {"title": "that of a.jpg", "fakes": 1, "share_of_fakes": 0.5, "splits": ["train"]}
    few["leaks"]["largest_groups"] = [{**group, "pictures": 1}]
    few["masks"] |= {"fakes": 3, "with_mask": 0, "median_share": None}
    page = render_page(few)
    assert "No fake has a mask." in page
    for absent in ("largest groups", "masks are empty", "How evenly the labels are spread"):
        assert absent not in page
    few["leaks"]["largest_groups"] = [{**group, "pictures": 2}]
    few["masks"]["with_mask"] = 1
    page = render_page(few)
    assert "largest groups" in page
    assert "1 of 3 fakes" in page


def test_texts_from_outside_are_escaped():
    nasty = "<img src=x onerror=alert(1)>"
    evil = audit(
        "equal", side(0.99, 0.56, bytes=0.54), **{f"collections.{nasty}": part(side(0.9), side(0.5))}
    )
    picture = {"path": nasty, "label": "fake", "split": "train"}
    evil["labels"] |= {"identical": 2, "identical_pictures": [picture]}
    evil["masks"] |= {"empty": [nasty], "rejected": [{"path": nasty, "reason": nasty}]}
    group = {"group": nasty, "title": nasty, "pictures": 2, "fakes": 1, "share_of_fakes": 0.5}
    evil["leaks"]["largest_groups"] = [group | {"splits": ["train"]}]
    text = render_page(evil)
    assert nasty not in text
    assert "&lt;img" in text


def test_leaks_conflicts_and_masks_are_named_worst_first():
    bad = audit("equal", side(0.5, 0.5))
    labels = {"label": "fake", "label_in_train": "fake"}
    row = {"relation": "in one group", "split": "test", **labels, "pictures": 9, "of": 10}
    bad["leaks"]["counts"] = [row]
    bad["labels"] |= {"identical": 2}
    bad["masks"] |= {"empty": ["a"], "inverted": ["b", "c"]}
    found = remarks(bad)
    assert [remark.level for remark in found][:3] == ["bad", "bad", "warning"]
    assert "9 of 10 fake test pictures" in found[0].title
    assert "1 empty, 2 inverted" in found[2].title


def test_everything_is_written(tmp_path):
    pictures = pd.DataFrame({name: ["x"] for name in ("path", "label", "split", "collection", "group")})
    features = pd.DataFrame({name: ["x"] for name in FEATURES})
    shares = pd.DataFrame({"whole": [0.0], "border": [0.0]})
    none = np.zeros(1, bool)
    measured = Measurements(Side(features, {}, none), Side(features, {}, none), shares)
    write_audit(tmp_path, pictures, measured, MATCHED)
    names = ["features_converted.csv", "features_raw.csv", "figures.csv", "shortcuts.svg"]
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit", "audit.html", "audit.json"]
    figures = pd.read_csv(tmp_path / "audit" / "figures.csv")
    assert set(figures["side"]) == {"raw", "converted"}
    chart = (tmp_path / "audit" / "shortcuts.svg").read_text(encoding="utf-8")
    assert float(ElementTree.fromstring(chart).attrib["viewBox"].split()[2]) > 327  # points
    first = {path.name: path.read_bytes() for path in (tmp_path / "audit").iterdir()}
    write_audit(tmp_path, pictures, measured, MATCHED)
    assert {path.name: path.read_bytes() for path in (tmp_path / "audit").iterdir()} == first


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (CLEAN, "Nothing."),
        (TOO_FEW, "Too few pictures to tell about training collections: 5 fake pictures, fewer than 8."),
        (
            audit("matched", side(0.52, 0.5, bytes=0.51), **{"collections.b": part(None, None)}),
            "Nothing in training collections. Too few pictures to tell about b: 3 fakes, fewer than 8.",
        ),
    ],
    ids=["shown", "too few", "one collection too few"],
)
def test_nothing_is_said_only_of_what_intervals_show(found, says):
    for name, each in found["parts"].items():
        each["too_few"] = "3 fakes, fewer than 8" if name == "collections.b" else each["too_few"]
    assert f"<p>{says}</p>" in render_page(found)


def test_a_wide_interval_is_no_nothing():
    wide = audit("matched", side(0.52, 0.5, bytes=0.51))
    wide["parts"]["training"]["converted"]["probe"][HISTORY] |= {"low": 0.3, "high": 0.74}
    page = render_page(wide)
    assert "<p>Nothing.</p>" not in page
    assert page.count("shortcuts of up to 0.74 are possible") == 2  # the headline says so, too


@pytest.mark.parametrize(("n", "level"), [(1, "too_few"), (5, "too_few"), (40, GOOD)])
def test_a_fair_split_of_few_pictures_is_no_praise(n, level):
    few = audit("matched", side(0.52, 0.5)) | {"test_groups": {"genuine": n, "fake": n}}
    (found,) = [remark for remark in remarks(few) if "trained on" in remark.title]
    assert found.level == level
