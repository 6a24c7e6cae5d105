from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Collection, Data, Split
from pipeline.errors import UserError
from pipeline.manifests.build import build_manifest, label_table, test_collections, write_manifest
from pipeline.manifests.counts import count_lines, count_manifest
from pipeline.manifests.tables import COLUMNS, FROM_FILES, read_files, read_table

test_collections.__test__ = False  # it is ours, and no test
GROUPED = Split(method="grouped", shares={"train": 0.7, "validation": 0.15, "test": 0.15})
RANDOM = Split(method="random", shares=GROUPED.shares)
CONVERTED = Path("data/converted")
DATA = Data(
    name="d",
    root="r",
    genuine="",
    fake="",
    masks="",
    collections={
        "here": Collection(genuine="g", fake="f", role="train"),
        "far": Collection(genuine="g", fake="f", role="test"),
    },
)


def files(n=60, collection="here", start=0):
    """Make files.csv: pairs of a genuine picture and a fake made from it."""
    rows = []
    for number in range(start, start + n):
        for label in ("fake", "genuine"):
            name = f"{collection}/{label}/{number:03}"
            row = dict.fromkeys(FROM_FILES, "")
            row |= {"path": f"{name}.jpg", "label": label, "collection": collection}
            row |= {"source_ids": f"s:{number}", "source_sha256": name, "sha256": name}
            row["mask_path"] = f"{collection}/masks/{number:03}.png" if label == "fake" else ""
            rows.append(row)
    return pd.DataFrame(rows)


def build(table, split=GROUPED, seed=3):
    return build_manifest(table, CONVERTED, DATA, split, seed)


@pytest.mark.parametrize("split", [GROUPED, RANDOM])
def test_every_picture_is_in_one_table_once(split):
    table = pd.concat([files(), files(20, "far", start=50)], ignore_index=True)
    manifest = build(table, split)
    paths = [path for rows in manifest.splits.values() for path in rows["path"]] + list(
        manifest.left_out["path"]
    )
    assert sorted(paths) == sorted("data/converted/" + table["path"])


def test_tables_have_the_agreed_columns_in_order_of_paths():
    for rows in build(files()).splits.values():
        assert list(rows.columns) == COLUMNS
        assert rows["path"].is_monotonic_increasing
        assert (rows["target"] == (rows["label"] == "fake")).all()


def test_paths_start_at_the_repository_and_masks_stay_empty_where_there_is_none():
    row = label_table(files(1), CONVERTED).set_index("label")
    assert row.loc["fake", "mask_path"] == "data/converted/here/masks/000.png"
    assert row.loc["genuine", "mask_path"] == ""


def test_test_collections_are_tested_whole_but_for_relatives_of_training():
    manifest = build(pd.concat([files(), files(20, "far", start=50)], ignore_index=True))
    tested = manifest.splits["test"]
    assert set(tested.loc[tested["collection"] == "far", "group"]) == {
        f"s:{number}" for number in range(60, 70)
    }
    assert set(manifest.left_out["group"]) == {f"s:{number}" for number in range(50, 60)}
    assert manifest.left_out["reason"].iloc[0] == (
        "in one group with data/converted/here/fake/050.jpg of a training collection"
    )
    assert set(manifest.splits["train"]["collection"]) == {"here"}


def test_the_order_of_files_csv_does_not_matter():
    table = files()
    shuffled = table.sample(frac=1, random_state=1)
    for name, rows in build(table).splits.items():
        pd.testing.assert_frame_equal(rows, build(shuffled).splits[name])


def test_another_folder_or_conversion_deals_alike():
    table = files()
    other = table.assign(path=table["path"].str.replace(".jpg", ".png"), sha256=table["sha256"] + "x")
    for split in (GROUPED, RANDOM):
        one = build(table, split).splits["test"]["path"].map(lambda path: Path(path).stem)
        two = build_manifest(other, Path("elsewhere"), DATA, split, 3).splits["test"]["path"]
        assert one.tolist() == two.map(lambda path: Path(path).stem).tolist()


def test_files_of_another_dataset_are_refused():
    with pytest.raises(UserError, match="collections other, which data=d does not have"):
        build(files(collection="other"))


def test_nothing_to_train_on_is_said():
    with pytest.raises(UserError, match=r"no collection of the data has the role train.*pipeline\.score"):
        build(files(collection="far"))


def test_an_unknown_label_is_refused():
    with pytest.raises(UserError, match="label 'real'; expected genuine or fake"):
        build(files().assign(label="real"))


def test_written_tables_are_read_back_as_they_were(tmp_path):
    manifest = build(files())
    counts = count_manifest(manifest, test_collections(DATA))
    write_manifest(tmp_path, manifest, counts, {"seed": 3})
    for name, rows in manifest.splits.items():
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}.csv"), rows, check_dtype=False)
    names = ["built_from.json", "counts.json", "left_out.csv", "test.csv", "train.csv", "validation.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_manifest_that_cannot_be_written_whole_leaves_the_earlier_one(tmp_path):
    write_manifest(tmp_path, build(files()), {}, {"seed": 3})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = build(files(), seed=4)
    with pytest.raises(ValueError, match="Out of range float"):
        write_manifest(tmp_path, other, {"share": float("nan")}, {"seed": 4})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_empty_cells_and_the_word_nan_are_text(tmp_path):
    files(1).assign(subset="nan").to_csv(tmp_path / "files.csv", index=False)
    table = read_files(tmp_path)
    assert set(table["subset"]) == {"nan"}
    assert set(table["jpeg_quality"]) == {""}


def test_a_missing_table_says_which_command_writes_it(tmp_path):
    with pytest.raises(
        UserError, match=r"files\.csv is not there; write it with python -m pipeline\.convert"
    ):
        read_files(tmp_path)
    with pytest.raises(
        UserError, match=r"train\.csv is not there; write it with python -m pipeline\.manifest"
    ):
        read_table(tmp_path / "train.csv")


def test_a_table_without_a_column_or_with_a_swapped_target_is_refused(tmp_path):
    table = build(files()).splits["train"]
    path = tmp_path / "train.csv"
    table.drop(columns="group").to_csv(path, index=False)
    with pytest.raises(UserError, match="no column group"):
        read_table(path)
    table.assign(target="yes").to_csv(path, index=False)
    with pytest.raises(UserError, match="target 'yes'; expected genuine and 0, or fake and 1"):
        read_table(path)
    path.write_text("")
    with pytest.raises(UserError, match="is no table"):
        read_table(path)


def test_counts_say_what_a_random_split_leaks():
    counts = count_manifest(build(files(), RANDOM), frozenset())
    leak = counts["leak"]["fake"]
    assert 0 < leak["with_relatives_in_train"] <= leak["pictures"] == counts["test"]["fake"]
    assert "this split leaks: " in count_lines(counts)
    assert count_manifest(build(files()), frozenset())["leak"]["fake"]["with_relatives_in_train"] == 0


def test_counts_fit_a_terminal_and_add_up():
    table = pd.concat([files(), files(20, "far", start=50)], ignore_index=True)
    counts = count_manifest(build(table), test_collections(DATA))
    here = [counts[name][label] for name in ("train", "validation", "test") for label in ("genuine", "fake")]
    assert sum(here) == 120
    assert counts["test_only"]["far"] == {"genuine": 10, "fake": 10, "groups": 10, "masks": 10}
    assert counts["left_out"] == 20
    lines = count_lines(counts).splitlines()
    assert np.max([len(line) for line in lines]) <= 80
    assert "20 pictures of test-only collections left out: relatives in train" in lines


def test_a_group_that_fills_training_is_named():
    table = pd.concat([files(), files(30, start=100).assign(source_ids="s:big")], ignore_index=True)
    assert "one group, s:big, holds 60 training pictures" in count_lines(
        count_manifest(build(table), frozenset())
    )
