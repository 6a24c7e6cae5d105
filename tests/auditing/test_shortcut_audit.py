import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from pipeline.auditing.file_features import CATEGORY, FEATURES, OF_JPEG, Feature
from pipeline.auditing.findings import (
    COLUMNS,
    best_shortcut,
    list_shortcuts,
    read_audit,
    scored_shortcuts,
    shortcuts_above,
    shortcuts_on,
)
from pipeline.auditing.measurements import count_savings, measure_all, plan_measurements
from pipeline.auditing.shortcut_kinds import COMPRESSION, CONTENT, HISTORY, PROBES
from pipeline.conversion.file_table import FILE_COLUMNS
from pipeline.datasets.tables import read_files
from pipeline.errors import UserError
from pipeline.evaluation.results import Results
from pipeline.images.files import LIMITS
from pipeline.reports.audit_report import render_page, summarise_audit
from pipeline.reports.audit_text import verdict
from tests.auditing.builders import (
    CONVERTED,
    audited,
    choices,
    encoded,
    gathered,
    measured_pictures,
    prepare,
    scene,
    write_pictures,
)
from tests.reports.audited import audit as made_up_audit
from tests.reports.audited import estimate, side


@pytest.fixture(scope="module")
def pictures_at(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    write_pictures(root)
    return root


@pytest.fixture
def made(pictures_at, tmp_path, monkeypatch, compose_config):
    """Run conversion and manifest in an empty folder; give the configuration."""
    monkeypatch.chdir(tmp_path)

    def prepared(root=pictures_at, **more):
        config = compose_config(*choices(root, **more))
        prepare(config)
        return config

    return prepared


def test_the_label_is_found_in_raw_files_and_in_the_pixels_of_equal_ones(made):
    config = made(convert="equal")
    audit = audited(config)[2]
    part = audit["parts"]["training"]
    raw, converted = part["raw"]["features"], part["converted"]["features"]
    assert raw["luma_table"]["roc_auc"] == 1.0
    assert not {"luma_table", "quality", "format"} & set(converted)
    assert part["converted"]["probe"][HISTORY]["roc_auc"] > 0.9
    assert part["converted"]["probe"][CONTENT]["low"] < 0.5
    json.dumps(audit, allow_nan=False)  # only plain numbers and texts
    assert set(scored_shortcuts(audit, "test")) == {"best_feature", "all_metadata", HISTORY, CONTENT}
    assert best_shortcut(audit, "test")["words"]
    assert best_shortcut(audit, "elsewhere") is None
    assert HISTORY in [shortcut.name for shortcut in shortcuts_above(audit, 0.7)]
    assert shortcuts_above(audit, 1.0) == []
    assert audited(config)[2] == audit  # the same seed
    for kind in ("best_feature", "all_metadata", HISTORY, CONTENT):
        audit["on_test"]["test"][kind]["roc_auc"] = 0.9 if kind == CONTENT else 0.8
    assert best_shortcut(audit, "test")["words"] == "what a thumbnail shows"


def test_matched_says_which_fakes_kept_their_compression(made):
    part = audited(made(convert="matched"))[2]["parts"]["training"]
    assert (part["kept_scans"], part["saved_alike"]) == (24, [])


def test_genuine_jpegs_beside_fakes_in_png_leave_history_under_matched(made, tmp_path):
    root = tmp_path / "pictures"
    write_pictures(root, genuine_quality=40)
    for path in (root / "fake").iterdir():
        number = int(path.stem)
        pixels = scene(number, height=64 + 8 * ((number - 1000) % 3), width=96)
        path.with_suffix(".png").write_bytes(encoded(pixels, "PNG"))
        path.unlink()
    audit = audited(made(root, convert="matched"))[2]
    part = audit["parts"]["training"]
    assert (part["kept_scans"], len(part["saved_alike"])) == (0, 1)
    assert verdict(audit) == "Figures of a detector trained on these pictures would be JPEG history."
    page = render_page(audit)
    assert "convert=matched had nothing to match" in page
    assert "The last save is alike" not in page


def test_raw_files_are_searched_once(made):
    part = audited(made(convert="raw"))[2]["parts"]["training"]
    assert part["raw"] == part["converted"]
    assert part["converted"]["features"]["luma_table"]["roc_auc"] == 1.0


def test_part_of_the_pictures_can_be_probed(made):
    config = made(convert="equal", **{"audit.probe_pictures": 20})
    _, measured, audit = audited(config)
    assert audit["parts"]["training"]["n_probed"] == 20
    assert np.isfinite(measured.converted.pixels[HISTORY][:, 0]).sum() == 20


def test_too_few_pictures_are_named_and_nothing_is_searched(made, tmp_path):
    write_pictures(tmp_path / "pictures", n=5)
    audit = audited(made(tmp_path / "pictures", convert="equal"))[2]
    assert "fewer than" in audit["parts"]["training"]["too_few"]
    assert audit["on_test"] == {}
    assert list_shortcuts(audit["parts"]["training"]["converted"], "training") == []


def test_what_is_missing_has_changed_or_is_of_another_version_is_refused(made, pictures_at, tmp_path):
    config = made(convert="equal")
    copy = shutil.copytree(pictures_at, tmp_path / "copy")
    (copy / "fake" / "1000.jpg").unlink()
    files = read_files(CONVERTED)
    tasks = plan_measurements(gathered(files), copy, None)
    with pytest.raises(UserError, match=r"1000\.jpg cannot be audited: No such file"):
        measure_all(tasks, LIMITS, config.compute)
    files.loc[0, "sha256"] = "0"
    with pytest.raises(UserError, match=r"as the manifest has them.*pipeline\.manifest"):
        gathered(files)
    first = sorted(CONVERTED.rglob("*.jpg"))[0]
    first.write_bytes(first.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"has changed.*pipeline\.convert"):
        audited(config)
    table = pd.read_csv(CONVERTED / "files.csv", dtype=str, keep_default_na=False)
    table.drop(columns="policy").to_csv(CONVERTED / "files.csv", index=False)
    with pytest.raises(UserError, match=r"no column policy.*pipeline\.convert"):
        read_files(CONVERTED, FILE_COLUMNS)


@pytest.mark.parametrize("backend", ["local", pytest.param("dask", marks=pytest.mark.slow)])
def test_workers_and_a_cluster_give_the_same_as_one_process(
    made, pictures_at, compose_config, monkeypatch, backend
):
    monkeypatch.setattr("pipeline.auditing.measurements._ALONE", 0)
    several = {"convert": "equal", "compute.backend": backend, "compute.workers": 2}
    alone = measured_pictures(made(convert="equal"))[1]
    together = measured_pictures(compose_config(*choices(pictures_at, **several)))[1]
    assert alone.converted.features.equals(together.converted.features)
    assert all(np.array_equal(alone.raw.pixels[name], together.raw.pixels[name]) for name in PROBES)


def test_a_feature_and_a_probe_more_are_one_entry_each(made, monkeypatch, tmp_path):
    fine = Feature(
        "fine", CATEGORY, COMPRESSION, "fineness", OF_JPEG, lambda file: str(file.jpeg.quality > 75)
    )
    texts = {"name": "colours", "words": "what colours tell"}
    mean = partial(np.mean, axis=(0, 1), dtype=np.float32)
    colours = replace(PROBES[CONTENT], features=mean, n_features=3, **texts)
    monkeypatch.setitem(FEATURES, fine.name, fine)
    monkeypatch.setitem(PROBES, colours.name, colours)
    audit = audited(made(convert="raw"))[2]
    (tmp_path / "audit.json").write_text(json.dumps(audit))
    found = read_audit(tmp_path / "audit.json")["parts"]["training"]["converted"]
    assert found["features"]["fine"]["roc_auc"] == 1.0
    assert found["probe"]["colours"]["low"] < 0.5
    assert "colours" in audit["on_test"]["test"]
    page = render_page(audit)
    assert all(words in page for words in ("fineness", "what colours tell", "40 properties of each file"))
    assert "what colours tell" in summarise_audit(audit, tmp_path)


def test_the_compression_history_has_its_metric_also_where_another_shortcut_is_stronger():
    found = made_up_audit("matched", side(0.7))
    best = {"name": "width", **estimate(0.85)}
    found["on_test"]["test"] = {"best_feature": best, HISTORY: {"name": HISTORY, **estimate(0.7)}}
    table = shortcuts_on(found, ["test", "test_at_half", "elsewhere"])
    assert list(table) == COLUMNS
    assert table["part"].tolist() == ["test", "test_at_half"]
    row = table.iloc[0]
    assert (row["name"], row["roc_auc"], row["history_roc_auc"]) == ("width", 0.85, 0.7)
    assert (row["history_low"], row["history_high"]) == (estimate(0.7)["low"], estimate(0.7)["high"])
    test = {"kind": "split", "subset": "test", "condition": "", "metric": "roc_auc", "value": 0.9}
    test |= {"low": 0.8, "high": 0.95, "n_fake": 9, "n_genuine": 10, "n_groups": 15}
    results = Results(threshold=0.5, confidence=0.95, table=pd.DataFrame([test])).with_audit(found, table)
    assert results.headline()["test"]["best_shortcut_roc_auc"] == 0.85
    assert results.metric("test", "history_roc_auc").value == 0.7
    assert results.intervals["metric"].tolist() == ["roc_auc", "best_shortcut_roc_auc"]
    found["on_test"]["test"] = {"best_feature": best}  # without a probe its place is empty
    assert shortcuts_on(found, ["test"])["history_roc_auc"].isna().all()
    assert shortcuts_on(found, ["elsewhere"]).empty


def test_fakes_that_kept_their_scans_are_counted_and_collections_without_any_are_named():
    kept, borrowed, alike = (
        f"matched({words},reading=1,pillow=1)" for words in ("stripped", "tables=ab", "quality=95")
    )
    rows = [("a", "fake", kept), ("a", "fake", borrowed), ("a", "genuine", borrowed), ("b", "fake", alike)]
    rows += [("c", "fake", borrowed), ("d", "genuine", borrowed)]
    table = pd.DataFrame(rows, columns=["collection", "label", "policy"])
    assert count_savings(table) == {"kept_scans": 1, "saved_alike": ["b", "c"]}
    others = table.assign(policy="equal(quality=95)")  # which match nothing
    assert count_savings(others) == {"kept_scans": 0, "saved_alike": []}
