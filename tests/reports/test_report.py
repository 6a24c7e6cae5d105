"""The report is one whole file that loads nothing, says what is missing, and shows hostile names as text."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from pipeline.evaluation.results import Results
from pipeline.reports.artifacts import evaluation_charts
from pipeline.reports.metric_charts import slice_rows, weakest
from pipeline.reports.rendering import draw, in_percent, ink_on, inline_svg, new_chart
from pipeline.reports.report import shared_content, write_report
from pipeline.reports.report_tables import shown_rows, summary_table, verdict_rows
from pipeline.reports.terminal import summarise
from tests.detector.builders import BY_NETWORK
from tests.reports.evaluated import (
    AWAY,
    BELIEVABLE,
    CLASSIC,
    DECISION,
    HERE,
    OPTIONAL,
    card_of,
    changed,
    report_of,
    with_gallery,
    with_names,
    with_one_collection_each,
    without,
)
from tests.reports.page import Page

NASTY = "<script>alert(1)</script>.jpg"
SECTIONS = ["How good is it?", "Where does it fail?", "How fragile is it?", "How good is it elsewhere?"]
SECTIONS += ["What exactly was run?"]

UNDRAWN = without(BELIEVABLE, "predictions", "history")  # drawing takes most of the time


@pytest.fixture(scope="module")
def charts():
    return evaluation_charts(BELIEVABLE)


@pytest.fixture(scope="module")
def whole(charts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    found = with_gallery(BELIEVABLE, folder / "gallery")
    write_report(folder / "report.html", found, shared_content(found), charts)
    return folder / "report.html"


def test_it_is_one_file_of_less_than_five_megabytes_that_loads_nothing(whole):
    text = whole.read_text(encoding="utf-8")
    assert whole.stat().st_size < 5_000_000
    page = Page(text)
    assert all(each.startswith(("data:", "#")) or each == "audit.html" for each in page.loaded)
    assert "script" not in page.tags
    assert not re.search(r"@import|https?://|url\((?!#)", text)


def test_the_same_content_gives_the_same_file(whole):
    content = with_gallery(BELIEVABLE, whole.parent / "gallery")
    assert report_of(content, evaluation_charts(content)) == whole.read_text(encoding="utf-8")


def test_the_verdict_comes_first(whole):
    text = Page(whole.read_text(encoding="utf-8")).text
    order = ["These figures may be believed", "this detector", "on pictures from elsewhere"]
    order += ["a trick: how the file was saved before", "81 of 100", "50 of 100", "fakes called fake"]
    places = [text.index(each) for each in [*order, *SECTIONS]]
    assert places == sorted(places)


def test_the_two_are_told_apart_in_the_first_lines():
    first = {name: " ".join(Page(report_of(content)).text.split())[:420] for name, content in
             (("good", UNDRAWN), ("classic", without(CLASSIC, "predictions")))}  # fmt: skip
    assert "may be believed" in first["good"]
    assert "clearly better than any trick" in first["good"]
    assert "Do not believe these figures" in first["classic"]
    assert "86 % of the tested fakes have a relative in training" in first["classic"]


def test_what_was_found_comes_first_where_the_figures_are_not_to_be_disbelieved(whole):
    gallery = whole.parent / "gallery"
    words = " ".join(Page(whole.read_text(encoding="utf-8")).text.split())
    n = BELIEVABLE.n()
    found = round(BELIEVABLE.metric("test", "fake_accuracy").value * n.n_fake)
    said = f"It found {found} of {n.n_fake} fakes and called "
    assert words.index(said) < words.index("Its other surest answers")
    bad = " ".join(Page(report_of(replace(without(CLASSIC, "predictions"), gallery=gallery))).text.split())
    assert "What finding a forgery looks like" not in bad
    assert "Its surest answers, wrong ones first" in bad
    assert summarise(BELIEVABLE, {}).startswith(said)
    assert not summarise(without(CLASSIC, "predictions"), {}).startswith("It found")


def test_fake_accuracy_never_stands_without_genuine_accuracy(whole, charts):
    for name in ("slices", "robustness", "figures"):
        legend = charts[name].svg.partition('<g id="legend_1">')[2]
        words = re.findall(r"<text[^>]*>([^<]+)</text>", legend)
        assert words[:2] == ["fakes called fake", "genuine called genuine"]
    text = whole.read_text(encoding="utf-8")
    card = text[text.index('class="card"') :][:400]
    assert "fakes called fake" in card
    assert "genuine called genuine" in card


def test_brackets_are_explained_where_they_first_stand(whole):
    text = Page(whole.read_text(encoding="utf-8")).text
    found = re.search(r"(\d+)% \((\d+)–(\d+)\): (\d+) % of these; .* anywhere from (\d+) to (\d+) %", text)
    assert found.group(1, 2, 3) == found.group(4, 5, 6)
    assert text.index("fakes called fake") < found.start() < text.index("clearly better than any trick", 900)


def test_without_collections_from_elsewhere_there_is_no_such_bar():
    here = BELIEVABLE.table[~BELIEVABLE.table["subset"].isin(BELIEVABLE.subsets("cross-dataset"))]
    assert "<span>on pictures from elsewhere</span>" not in report_of(replace(UNDRAWN, table=here))
    assert "<span>on pictures from elsewhere</span>" in report_of(UNDRAWN)


def test_what_stands_beside_every_row_is_shortcut_probe_and_larger_class():
    table = " ".join(Page(report_of(UNDRAWN)).text.split("How good is it elsewhere?")[1].split())
    row = table[table.index("all in-domain") :][:200]
    assert re.search(r"0\.81 \(.*?\), compression history in the pixels 0.77 \(.70–.83\) 0%, 100%", row)
    imd2020 = table[table.index("imd2020") :][:60]
    assert "(.50–.60) not known 100%, 0%" in imd2020  # a collection that the audit did not test


def test_the_page_of_the_audit_is_a_link_where_there_is_one():
    assert report_of(UNDRAWN).count('<a href="audit.html">') == 3
    assert '<a href="audit.html">' not in report_of(without(UNDRAWN, "audit"))


def test_the_doubt_about_an_interval_stands_at_its_row():
    text = Page(report_of(UNDRAWN)).text
    row = text[text.index("TPR at 1 % FPR") :][:400]
    assert "holds the truth in some 92 % of cases, with 50 groups in 79 %" in " ".join(row.split())


def test_how_verdicts_fall_is_counted_by_class():
    fakes, genuine, *away = verdict_rows(BELIEVABLE)
    here = BELIEVABLE.predictions[BELIEVABLE.predictions["collection"].isin(list(HERE))]
    for row, label in ((fakes, "fake"), (genuine, "genuine")):
        verdicts = here.loc[here["label"] == label, "verdict"]
        assert (row.label, row.n) == (label, len(verdicts))
        for name, meant in {
            **{"fake": ["fake"], "unsure": ["unsure"], "cannot_tell": ["cannot tell"]},
            "no_trace": ["genuine", "no trace found"],
        }.items():
            assert getattr(row, name).value == pytest.approx(verdicts.isin(meant).mean())
        assert sum(metric.value for metric in row[3:]) == pytest.approx(1)
        assert row.fake.low < row.fake.value < row.fake.high
    assert [row.title for row in away] == ["pictures from elsewhere"] * 2
    assert "Verdicts, where it need not commit itself" in report_of(replace(BELIEVABLE, predictions=here))
    bare = BELIEVABLE.predictions.drop(columns="verdict")
    assert verdict_rows(replace(BELIEVABLE, predictions=bare)) == []


def test_report_card_and_terminal_tell_of_verdicts_in_the_same_way():
    fakes, genuine = verdict_rows(BELIEVABLE)[:2]
    page = " ".join(Page(report_of(BELIEVABLE)).text.split())
    for row, whom in ((fakes, "fakes"), (genuine, "genuine pictures")):
        shares = f"{100 * row.fake.value:.0f}% fake, {100 * row.unsure.value:.0f}% unsure"
        assert f"Verdict on {whom}: {shares}" in page
    written = [in_percent(metric) for metric in genuine[3:]]
    assert f"| genuine, pictures like these | {genuine.n} | {' | '.join(written)} |" in card_of(BELIEVABLE)
    lines = [" ".join(line.split()) for line in summarise(BELIEVABLE, {}).splitlines()]
    assert f"genuine, pictures like these {' '.join(written)}" in lines
    row = summary_table(BELIEVABLE).iloc[0]
    assert row["genuine_verdict_fake"] == genuine.fake.value
    assert [row["fake_verdict_unsure_low"], row["fake_verdict_unsure_high"]] == list(fakes.unsure[1:])
    assert row["fake_verdict_cannot_tell"] == fakes.cannot_tell.value


def test_the_promise_stands_beside_the_verdicts():
    page = " ".join(Page(report_of(BELIEVABLE)).text.split())
    assert "Promised: at most 2 % of genuine pictures are called fake; up to 10 % are unsure" in page
    without_band = replace(BELIEVABLE, decision=DECISION | {"unsure": 0.02})
    no_band = " ".join(Page(report_of(without_band)).text.split())
    assert "Promised: at most 2 % of genuine pictures are called fake." in no_band
    assert "are unsure" not in no_band


def test_each_collection_has_its_false_alarms_with_interval_beside_what_was_promised():
    page = " ".join(Page(report_of(BELIEVABLE)).text.split())
    assert "genuine: fake (promised: 2 %), unsure, cannot tell" in page
    alarms = [row["genuine_verdict_fake"] for row in shown_rows(BELIEVABLE)]
    assert alarms
    assert all(f"{in_percent(each)}, " in page for each in alarms if each.value is not None)


def test_one_collection_is_one_row_and_not_the_same_row_twice():
    one = with_one_collection_each(BELIEVABLE)
    table = " ".join(Page(report_of(one)).text.split("How good is it elsewhere?")[1].split())
    assert "all in-domain" not in table
    assert "all elsewhere" not in table
    assert one.shown_subsets() == ["test", "elsewhere"]
    assert [row["collection"] for row in shown_rows(one)] == ["casia1", "imd2020"]
    assert weakest(slice_rows(one.slices), one.n()) is None  # every slice holds all pictures


def test_few_pictures_have_no_reliability_curve_but_a_sentence(charts):
    few = replace(BELIEVABLE, predictions=BELIEVABLE.predictions.head(42))
    drawn = evaluation_charts(few)
    assert "reliability" not in drawn
    assert "that takes 80 pictures" in report_of(few, drawn)
    assert "that takes 80 pictures" not in report_of(BELIEVABLE, charts)


def test_figures_have_what_guessing_gives_beside_them(whole):
    text = Page(whole.read_text(encoding="utf-8")).text
    assert "without looking" in text
    assert re.search(r"ECE\s+0\.17 \(.*?\)\s+–", text)
    assert "read together, because calling all pictures alike makes one of them 100 %" in text
    assert re.search(r"Brier score\s+0\.\d\d \(.*?\)\s+0\.25", text)  # 96 fakes, 125 genuine: 0.246


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_is_missing_is_said_and_every_section_is_there(name):
    page = Page(report_of(without(UNDRAWN, name)))
    assert all(section in page.text for section in SECTIONS)


def test_with_nothing_but_figures_it_is_whole_all_the_same():
    alone = BELIEVABLE.table[BELIEVABLE.table["kind"].isin(["split", "collection", "cross-dataset"])]
    page = Page(report_of(replace(without(BELIEVABLE, *OPTIONAL), table=alone)))
    assert all(section in page.text for section in SECTIONS)
    for says in (
        "was not at hand",
        "were not measured",
        "no gallery",
        "was not measured",
        "not recorded",
        "left no record",
        "nobody has checked whether a trick does as well",
    ):
        assert says in page.text or says.capitalize() in page.text


def test_of_a_detector_without_a_map_it_is_said(whole):
    assert "how forged each place looks" in Page(whole.read_text(encoding="utf-8")).text
    unmapped = BELIEVABLE.table[~BELIEVABLE.table["metric"].str.startswith("pixel")]
    said = Page(report_of(replace(UNDRAWN, table=unmapped, gallery=whole.parent / "gallery"))).text
    assert "This detector says nothing of places" in said
    assert "how forged each place looks" not in said


def test_test_pictures_of_one_class_are_reported():
    fakes = BELIEVABLE.predictions[BELIEVABLE.predictions["target"] == 1]
    table = BELIEVABLE.table[BELIEVABLE.table["subset"] == "test"].copy()
    table.loc[table["metric"] != "fake_accuracy", ["value", "low", "high"]] = float("nan")
    page = Page(report_of(replace(BELIEVABLE, table=table.assign(n_genuine=0), predictions=fakes)))
    assert "Whether a trick does as well cannot be told" in page.text


def test_names_from_outside_are_shown_as_text(tmp_path):
    nasty = with_gallery(with_names(BELIEVABLE, NASTY), tmp_path / "gallery")
    table = pd.read_csv(tmp_path / "gallery" / "gallery.csv")
    table.assign(path=NASTY, verdict=NASTY).to_csv(tmp_path / "gallery" / "gallery.csv", index=False)
    text = report_of(nasty)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in text
    assert Page(text).text.count("<script>alert(1)</script>.jpg") > 20


def drawn(place, text, **style):
    with new_chart(2, 2) as chart:
        chart.text(*place, text, **style)
        return draw(chart)


def test_text_in_a_drawing_is_text():
    svg = inline_svg(drawn((0.5, 0.5), NASTY), f'"{NASTY}"')
    assert "<script" not in svg
    assert Page(svg).text.split()[-1] == NASTY
    assert 'aria-label="&#34;&lt;script' in svg


def contrast(first, second):
    """Of two colours, WCAG 2."""
    lights = []
    for color in (first, second):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("color", ["#0072b2", "#d55e00", "#6b6b6b"])
def test_black_or_white_can_be_read_on_every_cell(color):
    for strength in np.linspace(0, 1, 51):
        shade = strength * np.array(to_rgb(color)) + 1 - strength
        assert contrast(shade, to_rgb(ink_on(shade))) >= 4.5


def test_white_on_a_cell_stays_white_by_night():
    svg = inline_svg(drawn((0.5, 0.5), "12", color="white"), "")
    assert re.search(r"<text[^>]*fill: #ffffff", svg)
    assert "var(--paper)" in svg


def test_the_loss_is_not_read_as_learning_by_heart(charts):
    assert "An accuracy on validation that stays far below" in charts["training"].says


def test_what_the_stages_wrote_is_read_back(tmp_path):
    reports, models, manifest = (tmp_path / name for name in ("reports", "models", "manifest"))
    for folder in (reports, models, manifest):
        folder.mkdir()
    named_na = BELIEVABLE.table.replace({"subset": {"subset: splice": "subset: NA"}})
    replace(BELIEVABLE, table=named_na).save(reports)
    (reports / "metrics.json").write_text('{"threshold": 0.46}')
    (models / "decision.json").write_text(json.dumps(BY_NETWORK.as_dict()))
    results = Results.load(reports, reports / "metrics.json", 0.95).with_background(models, manifest)
    assert results.record == {}
    assert results.decision["temperature"] == BY_NETWORK.temperature
    assert "NA" in set(results.slices["slice"])
    assert (results.robustness["verdict"] == "").any()
    page = Page(report_of(results))
    assert "0.460: up to 2.0% of genuine pictures look as suspicious; unsure up to 10%" in page.text


def test_the_page_of_a_score_says_nothing_of_a_test_of_the_training():
    bare = changed(
        without(BELIEVABLE, "audit", "counts", "robustness"), "test", "best_shortcut_roc_auc", *[None] * 3
    )
    away = bare.table["subset"].isin(["elsewhere", *(f"collections.{name}" for name in AWAY)])
    here = bare.predictions["collection"].isin(list(HERE))
    bare = replace(bare, table=bare.table[~away], predictions=bare.predictions[here])
    false = [
        "not tested on pictures from elsewhere", "pictures like these", "python -m pipeline.audit makes one",
        "left no counts", "No collection was only tested", "of the test, in", "in-domain",
    ]  # fmt: skip
    page = report_of(replace(bare, scored="set"))
    assert [each for each in false if each.lower() in page.lower()] == []
    assert "On these pictures" in page
    assert "stand under “What exactly was run?”" in page
    assert "Scoring does not compare these pictures" in page
    split = report_of(replace(bare, scored="split"))
    assert "On pictures like these" in split
    assert "pipeline.audit makes one" not in split
    assert "\ntest " in summarise(bare, {})
    assert "\nscored " in summarise(replace(bare, scored="set"), {})
