from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config_data import Collection, Data, Split
from pipeline.datasets.build_manifest import (
    HELD_OUT,
    LEFT_OUT_COLUMNS,
    NO_JPEG,
    NO_SOURCE,
    build_manifest,
    count_lines,
    count_manifest,
    count_same,
    label_table,
    leave_out,
    same_line,
    write_manifest,
)
from pipeline.datasets.tables import COLUMNS, FROM_FILES, cross_dataset_collections, read_files, read_table
from pipeline.errors import UserError
from tests.datasets.casia2 import NAMES, casia2_names

GROUPED = Split(method="grouped", shares={"train": 0.7, "validation": 0.15, "test": 0.15}, folds=None, fold=0)
RANDOM = GROUPED.model_copy(update={"method": "random"})
PARENTS, OFFICIAL = (GROUPED.model_copy(update={"method": method}) for method in ("parents", "official"))
CONVERTED = Path("data/converted")
ROLES = {"here": "train", "far": "test"}
UNUSED = {"genuine": "", "fake": "", "masks": "", "protocol": [], "known_groups": None}
DATA = Data(
    name="d",
    root="r",
    collections={name: Collection(genuine="g", fake="f", role=role) for name, role in ROLES.items()},
    **UNUSED,
)


def files(n=60, collection="here", start=0, far=None):
    """Make files.csv: pairs of a genuine picture and a fake made from it; 20 more `far`, from there on."""
    rows = []
    for number in range(start, start + n):
        for label in ("fake", "genuine"):
            name = f"{collection}/{label}/{number:03}"
            row = dict.fromkeys(FROM_FILES, "")
            row |= {"path": f"{name}.jpg", "label": label, "collection": collection}
            row |= {"source_ids": f"s:{number}", "source_format": "JPEG"}
            row |= dict.fromkeys(["source_sha256", "sha256", "pixel_sha256"], name)
            row["official"] = "test" if number % 5 == 0 else "train"
            row["mask_path"] = f"{collection}/masks/{number:03}.png" if label == "fake" else ""
            rows.append(row)
    table = pd.DataFrame(rows)
    return table if far is None else pd.concat([table, files(20, "far", far)], ignore_index=True)


def build(table, split=GROUPED, seed=3, duplicates=None, protocol=()):
    return build_manifest(
        table, CONVERTED, DATA.model_copy(update={"protocol": list(protocol)}), split, seed, duplicates
    )


@pytest.mark.parametrize("protocol", [(), ("source_matched",), ("jpeg_only", "source_matched")])
@pytest.mark.parametrize("split", [GROUPED, RANDOM, PARENTS, OFFICIAL], ids=lambda split: split.method)
def test_every_picture_is_in_one_table_once(split, protocol):
    table = files(far=50)
    table.loc[::9, "source_format"] = "PNG"
    table.loc[::11, "official"] = ""
    table.loc[::13, "source_ids"] = "s:1|s:2"
    manifest = build(table, split, protocol=protocol)
    paths = pd.concat([*manifest.splits.values(), manifest.left_out])["path"]
    assert sorted(paths) == sorted("data/converted/" + table["path"])
    assert (manifest.left_out["reason"] != "").all()


def test_tables_have_the_agreed_columns_in_order_of_paths_from_the_repository_on():
    for rows in build(files()).splits.values():
        assert list(rows.columns) == COLUMNS
        assert rows["path"].is_monotonic_increasing
        assert (rows["target"] == (rows["label"] == "fake")).all()
    row = label_table(files(1), CONVERTED).set_index("label")
    assert row.loc["fake", "mask_path"] == "data/converted/here/masks/000.png"
    assert row.loc["genuine", "mask_path"] == ""


def test_test_collections_are_tested_whole_but_for_relatives_of_training():
    manifest = build(files(far=50))
    tested = manifest.splits["test"]
    far = tested.loc[tested["collection"] == "far", "group"]
    assert set(far) == {f"s:{number}" for number in range(60, 70)}
    assert set(manifest.left_out["group"]) == {f"s:{number}" for number in range(50, 60)}
    assert set(manifest.left_out["reason"]) == {"a relative is in a training collection"}
    assert manifest.left_out["detail"].iloc[0] == "data/converted/here/fake/050.jpg"
    assert set(manifest.splits["train"]["collection"]) == {"here"}


def test_another_order_folder_or_conversion_splits_alike():
    table = files()
    shuffled = build(table.sample(frac=1, random_state=1)).splits
    for name, rows in build(table).splits.items():
        pd.testing.assert_frame_equal(rows, shuffled[name])
    other = table.assign(path=table["path"].str.replace(".jpg", ".png"), sha256=table["sha256"] + "x")
    for split in (GROUPED, RANDOM):
        one = build(table, split).splits["test"]["path"].map(lambda path: Path(path).stem)
        two = build_manifest(other, Path("elsewhere"), DATA, split, 3).splits["test"]["path"]
        assert one.tolist() == two.map(lambda path: Path(path).stem).tolist()


def test_files_of_another_dataset_nothing_to_train_on_and_unknown_labels_are_refused():
    with pytest.raises(UserError, match="collections other, which data=d does not have"):
        build(files(collection="other"))
    with pytest.raises(UserError, match=r"no collection of the data has the role train.*pipeline\.score"):
        build(files(collection="far"))
    with pytest.raises(UserError, match="label 'real'; expected genuine or fake"):
        build(files().assign(label="real"))


def test_written_tables_are_read_back_and_stay_where_others_cannot_be_written_whole(tmp_path):
    manifest = build(files())
    counts = count_manifest(manifest, cross_dataset_collections(DATA))
    write_manifest(tmp_path, manifest, counts, {"seed": 3})
    for name, rows in manifest.splits.items():
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}.csv"), rows, check_dtype=False)
    left_out = pd.read_csv(tmp_path / "left_out.csv", dtype=str, keep_default_na=False)
    assert left_out.columns.tolist() == LEFT_OUT_COLUMNS
    names = ["built_from.json", "counts.json", "left_out.csv", "test.csv", "train.csv", "validation.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = build(files(), seed=4)
    with pytest.raises(ValueError, match="Out of range float"):
        write_manifest(tmp_path, other, {"share": float("nan")}, {"seed": 4})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_cells_are_text_and_tables_that_are_missing_or_wrong_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"files\.csv is not there; write it with python -m pipeline\.convert"
    ):
        read_files(tmp_path)
    files(1).assign(subset="nan").to_csv(tmp_path / "files.csv", index=False)
    table = read_files(tmp_path)
    assert set(table["subset"]) == {"nan"}
    assert set(table["jpeg_quality"]) == {""}
    table = build(files()).splits["train"]
    path = tmp_path / "train.csv"
    with pytest.raises(
        UserError, match=r"train\.csv is not there; write it with python -m pipeline\.manifest"
    ):
        read_table(path)
    table.drop(columns="group").to_csv(path, index=False)
    with pytest.raises(UserError, match="no column group"):
        read_table(path)
    table.assign(target="yes").to_csv(path, index=False)
    with pytest.raises(UserError, match="target 'yes'; expected genuine and 0, or fake and 1"):
        read_table(path)
    path.write_text("")
    with pytest.raises(UserError, match="is no table"):
        read_table(path)


def test_counts_fit_a_terminal_add_up_and_name_leaks_and_a_group_that_fills_training():
    counts = count_manifest(build(files(), RANDOM), frozenset())
    leak = counts["leak"]["fake"]
    assert 0 < leak["with_relatives_in_train"] <= leak["pictures"] == counts["test"]["fake"]
    assert "this split leaks: " in count_lines(counts)
    assert count_manifest(build(files()), frozenset())["leak"]["fake"]["with_relatives_in_train"] == 0
    table = files(far=50)
    counts = count_manifest(build(table), cross_dataset_collections(DATA))
    here = [counts[name][label] for name in ("train", "validation", "test") for label in ("genuine", "fake")]
    assert sum(here) == 120
    assert counts["test_only"]["far"] == {"genuine": 10, "fake": 10, "groups": 10, "masks": 10}
    assert counts["left_out"] == {"a relative is in a training collection": 20}
    lines = count_lines(counts).splitlines()
    assert np.max([len(line) for line in lines]) <= 80
    assert "20 pictures left out: a relative is in a training collection" in lines
    table = pd.concat([files(), files(30, start=100).assign(source_ids="s:big")], ignore_index=True)
    lines = count_lines(count_manifest(build(table), frozenset()))
    assert "one group, s:big, holds 60 training pictures" in lines


@pytest.mark.parametrize(
    ("group", "pictures", "says"),
    [
        ("bytes:2928", 1, []),
        ("bytes:2928", 2, ["one group holds 2 training pictures"]),
        ("s:big", 2, ["one group, s:big, holds 2 training pictures"]),
    ],
)
def test_a_large_group_is_told_where_it_has_several_pictures_and_by_a_name_that_people_know(
    group, pictures, says
):
    counts = count_manifest(build(files()), frozenset())
    counts["train"] |= {"genuine": 2, "fake": 2}
    counts["largest_training_group"] = {"group": group, "pictures": pictures}
    assert [line for line in count_lines(counts).splitlines() if "one group" in line] == says


def test_near_duplicates_stay_on_one_side_and_leave_a_test_collection():
    table = files(far=100)
    duplicates = np.arange(len(table))
    duplicates[0:40:4] = 0  # fakes of ten sources, and so is a picture of the other collection
    duplicates[-1] = 0
    manifest = build(table, duplicates=duplicates)
    sides = [name for name, rows in manifest.splits.items() if rows["source_ids"].isin(["s:0", "s:18"]).any()]
    assert len(sides) == 1
    assert manifest.left_out["source_ids"].tolist() == ["s:119", "s:119"]


def test_parents_leaves_out_a_fake_of_two_sides_and_groups_without_it():
    table = files(200)
    fakes = table.index[table["label"] == "fake"]
    table.loc[fakes[::2], "source_ids"] = [f"s:{number}|s:{number + 1}" for number in range(0, 200, 2)]
    manifest = build(table, PARENTS)
    assert set(manifest.left_out["label"]) == {"fake"}
    assert set(manifest.left_out["reason"]) == {"sources on several sides of the split"}
    sides = pd.concat([rows.assign(side=name) for name, rows in manifest.splits.items()])
    assert (sides.groupby("group")["side"].nunique() == 1).all()
    each = sides.assign(source=sides["source_ids"].str.split("|")).explode("source")
    assert (each.groupby("source")["side"].nunique() == 1).all()
    assert count_manifest(manifest, frozenset())["leak"]["fake"]["with_relatives_in_train"] == 0


def test_official_leaves_out_what_is_on_no_list_and_counts_its_leaks():
    table = files()
    table.loc[table["source_ids"] == "s:1", "official"] = ""
    table.loc[table["source_ids"] == "s:2", "official"] = "validation"
    table.loc[table["source_ids"].isin(["s:10", "s:11"]), "source_ids"] = "s:10|s:11"  # of test and train
    manifest = build(table, OFFICIAL)
    assert manifest.left_out["source_ids"].tolist() == ["s:1", "s:1"]
    assert set(manifest.left_out["reason"]) == {"on no side of the official split"}
    tested = manifest.splits["test"]
    assert len(tested) == 24
    assert len(manifest.splits["validation"]) == 2
    counts = count_manifest(manifest, frozenset())
    assert counts["leak"]["fake"] == {"pictures": 12, "with_relatives_in_train": 1}


def test_what_the_protocol_leaves_out_ties_no_groups_together():
    table = files()
    tying = table.index[(table["label"] == "fake")][0]
    table.loc[tying, ["source_ids", "source_format"]] = ["s:0|s:1", "PNG"]
    manifest = build(table, protocol=["jpeg_only"])
    left_out = manifest.left_out[["source_ids", "reason"]].to_numpy().tolist()
    assert left_out == [["s:0|s:1", "jpeg_only: the file was no JPEG"]]
    rows = pd.concat(manifest.splits.values()).set_index("source_ids")["group"]
    assert rows.loc[["s:0", "s:1"]].unique().tolist() == ["s:0", "s:1"]


def test_the_same_picture_more_than_once_is_counted():
    table = files(3)
    table.loc[1, "source_sha256"] = table.loc[0, "source_sha256"]
    table.loc[1, "pixel_sha256"] = table.loc[0, "pixel_sha256"]
    table.loc[3, "pixel_sha256"] = table.loc[2, "pixel_sha256"]
    same = count_same(table, np.array([0, 0, 1, 1, 2, 1]))
    assert same == {"bytes": 2, "pixels": 2, "looks": 3}
    line = same_line(same)
    assert line == "the same picture more than once: 2 by bytes, 2 by pixels, 3 by looks"
    assert len(line) <= 80
    assert same_line(count_same(files(3), np.arange(6))) == ""


COLLECTIONS = {**DATA.collections, "casia2": DATA.collections["here"]}


def reasons(table, *protocol):
    data = DATA.model_copy(update={"protocol": list(protocol), "collections": COLLECTIONS})
    return leave_out(table, data).tolist()


TABLE = pd.DataFrame(
    {
        "collection": ["here"] * 6 + ["far"],
        "label": ["fake"] * 2 + ["genuine"] * 5,
        "source_ids": ["s:1|s:2", "s:3", "s:1", "s:2", "s:3", "s:4", ""],
        "source_format": ["JPEG", "TIFF", "JPEG", "PNG", "JPEG", "JPEG", "JPEG"],
    }
)


def test_a_protocol_leaves_out_other_formats_and_genuine_pictures_that_no_fake_was_made_from():
    assert reasons(TABLE) == [""] * len(TABLE)
    assert reasons(TABLE, "jpeg_only") == ["", NO_JPEG, "", NO_JPEG, "", "", ""]
    assert reasons(TABLE, "source_matched") == ["", "", "", "", "", NO_SOURCE, NO_SOURCE]
    both = ["", NO_JPEG, "", NO_JPEG, NO_SOURCE, NO_SOURCE, NO_SOURCE]
    assert reasons(TABLE, "source_matched", "jpeg_only") == both
    assert reasons(TABLE, "jpeg_only", "source_matched") == both


def test_a_protocol_that_leaves_no_class_says_why():
    without_names = TABLE.assign(source_ids="")
    with pytest.raises(UserError, match=r"data\.protocol is source_matched.* 4 genuine .*naming\.source"):
        reasons(without_names, "source_matched")
    with pytest.raises(UserError, match=r"data\.protocol is jpeg_only.* 2 fake .* no JPEG"):
        fake = TABLE["label"] == "fake"
        reasons(TABLE.assign(source_format=TABLE["source_format"].mask(fake, "PNG")), "jpeg_only")


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_three_quarters_of_the_genuine_pictures_of_casia2_feed_no_fake():
    assert reasons(casia2_names(), "source_matched").count(NO_SOURCE) == 5537
    assert reasons(casia2_names(), "jpeg_only").count(NO_JPEG) == 3059 + 54


# Background: genuine pictures alone, to make fakes of in training.


def _with_background(related_to):
    """Sixty pairs, twenty pairs far away, and a background picture for each source in `related_to`."""
    data = DATA.model_copy(
        update={"collections": {**DATA.collections, "mine": Collection(genuine="m", role="background")}}
    )
    mine = files(len(related_to), "mine").query("label == 'genuine'").assign(source_ids=related_to)
    table = pd.concat([files(far=60), mine], ignore_index=True)
    return build_manifest(table, CONVERTED, data, GROUPED, 3)


def test_background_pictures_are_trained_on_and_never_tested():
    manifest = _with_background([f"m:{number}" for number in range(30)])
    places = {name: (table["collection"] == "mine").sum() for name, table in manifest.splits.items()}
    assert places == {"train": 30, "validation": 0, "test": 0}
    assert manifest.left_out.empty


def test_background_pictures_move_no_other_picture():
    manifest, without = _with_background(["m:1", "m:2"]), build(files(far=60))
    for name, table in without.splits.items():
        others = manifest.splits[name]
        assert others.loc[others["collection"] != "mine", "path"].tolist() == table["path"].tolist()


def test_a_background_picture_of_something_that_is_held_out_is_left_out():
    manifest = _with_background([f"s:{number}" for number in range(80)])
    trained = manifest.splits["train"]
    held_out = pd.concat([manifest.splits["validation"], manifest.splits["test"]])
    mine = trained[trained["collection"] == "mine"]
    assert set(mine["source_ids"]) == set(trained["source_ids"])  # those whose pair is trained on
    assert not set(mine["group"]) & set(held_out["group"])
    assert set(manifest.left_out["reason"]) == {HELD_OUT}
    assert len(mine) + len(manifest.left_out) == 80
