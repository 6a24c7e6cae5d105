"""A table of the owner's says which pictures belong together."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.config_data import Collection, Data, Naming, Official
from pipeline.datasets.groups import group_pictures
from pipeline.datasets.listing import list_sources
from pipeline.datasets.tables import LABELS
from pipeline.errors import UserError


def known_groups(folder, text, encoding="utf-8"):
    """Write such a table, and return the groups of the pictures by their paths."""
    put(*(folder / name for name in NAMES))
    (folder / "groups.csv").write_text(text, encoding=encoding)
    sources, _ = list_sources(dataset(known_groups=str(folder / "groups.csv")))
    return {source.source_path: source.known_group for source in sources if source.known_group}


NAMES = ["genuine/a.jpg", "genuine/x/b.jpg", "fake/a.jpg", "fake/c d.jpg"]


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ("genuine/a.jpg", "genuine/a.jpg"),
        ("{here}/fake/a.jpg", "fake/a.jpg"),
        ("./genuine/a.jpg ", "genuine/a.jpg"),
        ("genuine\\x\\b.jpg", "genuine/x/b.jpg"),
        ("C:\\sets\\mine\\fake\\a.jpg", "fake/a.jpg"),
        ("/home/anna/set/genuine/x/b.jpg", "genuine/x/b.jpg"),
        ("b.jpg", "genuine/x/b.jpg"),
        ("b", "genuine/x/b.jpg"),
        ("B.JPG", "genuine/x/b.jpg"),
        ("x/b.jpg", "genuine/x/b.jpg"),
        ("c d.jpg", "fake/c d.jpg"),
    ],
)
def test_a_row_of_known_groups_is_matched_with_the_picture_that_it_can_mean(folder, row, path):
    table = f'group,path,more\nburst 1,"{row.format(here=folder.absolute())}",x\n,fake/c.jpg,\n'
    assert known_groups(folder, table) == {path: "burst 1"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("header", ["path,group", "Path, Group", "path;group", "PATH\tgroup "])
def test_a_table_of_known_groups_may_come_from_any_spreadsheet(folder, header, encoding):
    part = next(each for each in ",;\t" if each in header)
    table = f"{header}\nfake/a.jpg{part} 1\n"
    assert known_groups(folder, table, encoding) == {"fake/a.jpg": "1"}


@pytest.mark.parametrize("row", ["a.jpg", "other/a.jpg", "fake/x/b.jpg", "/home/anna/fake/x/b.jpg", "d.jpg"])
def test_a_row_that_may_mean_several_pictures_or_none_is_said_and_refused_where_it_is_the_only_one(
    folder, row, caplog
):
    words = rf"1 of its 1 rows fit no picture \({row}.*genuine/a\.jpg; data\.known_groups=null does without"
    with pytest.raises(UserError, match=words):
        known_groups(folder, f"path,group\n{row},1\n")
    assert known_groups(folder, f"path,group\n{row},1\nfake/a.jpg,2\n") == {"fake/a.jpg": "2"}
    assert f"1 of its 2 rows fit no picture, the first: {row}" in caplog.text


def test_composed_and_decomposed_names_are_one_and_backslashes_may_be_in_names(folder):
    put(folder / "genuine/Cafe\u0301.jpg", folder / "genuine/a\\b.jpg")
    table = "path,group\ngenuine/Caf\u00e9.jpg,1\ngenuine/a\\b.jpg,2\n"
    assert known_groups(folder, table) == {"genuine/Cafe\u0301.jpg": "1", "genuine/a\\b.jpg": "2"}


def test_a_missing_table_is_logged(folder, caplog):
    put(folder / "genuine/a.jpg", folder / "fake/a.jpg")
    with caplog.at_level(logging.INFO, "pipeline"):
        list_sources(dataset(known_groups="groups.csv"))
    assert "groups.csv is not there" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,scene\na,1\n", "no column group"),
        ("", "cannot be read as CSV"),
        ("path,group\nfake/a.jpg,1\nfake\\a.jpg,2\n", r"puts fake/a\.jpg into 2 groups"),
        ("path,group\nfake/a.jpg,\n", "no picture has a group"),
    ],
)
def test_another_table_is_refused(folder, text, words):
    with pytest.raises(UserError, match=words):
        known_groups(folder, text)


def test_a_rule_for_sources_that_fits_no_name_is_refused_and_one_that_fits_few_is_said(folder, caplog):
    put(*(folder / f"{label}/{name}.png" for label in LABELS for name in ("a1", "b", "c")))
    with pytest.raises(UserError, match=r"naming\.source is .* fits none of 6 names \(a1, b, c, …\)"):
        list_sources(dataset(naming=Naming(namespace="m", source=r"img(?P<number>\d+)")))
    list_sources(dataset(naming=Naming(namespace="m", source=r"(?P<number>\d+)")))
    assert "naming.source fits 2 of 6 names; the first without: b, c" in caplog.text


def test_known_groups_join_what_nothing_else_does():
    files = pd.DataFrame({"source_ids": ["s:1", "s:2", "", ""], "known_group": ["k", "", "k", ""]})
    for column in ("source_sha256", "sha256", "pixel_sha256"):
        files[column] = list("abcd")
    assert group_pictures(files).tolist() == ["s:1", "s:2", "s:1", "bytes:d"]
    alone = group_pictures(files.drop(columns="known_group"))
    assert len(np.unique(alone)) == 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty repository with a dataset at data/raw/mine; the tests work inside it."""
    monkeypatch.chdir(tmp_path)
    return Path("data/raw/mine")


def put(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)


def dataset(root="data/raw/mine", **changes):
    settings = {"genuine": f"{root}/genuine", "fake": f"{root}/fake", "role": "train"}
    known_groups = changes.pop("known_groups", None)
    settings |= {"masks": [f"{root}/masks"]} | changes
    mine = Collection(**settings)
    unused = {"genuine": "", "fake": "", "masks": "", "protocol": [], "known_groups": known_groups}
    return Data(name="mine", root=root, collections={"mine": mine}, **unused)


def test_pictures_come_with_label_collection_target_and_what_names_say(folder):
    put(folder / "genuine/Au_ani_0001.JPG", folder / "fake/a b/Tp_S_ani00001.tif")
    source = r"(?P<category>[a-z]{3})_?(?P<number>\d{4,})"
    naming = Naming(namespace="ours", source=source, subsets={"copy_move": "^Tp_S"})
    sources, rejected = list_sources(dataset(naming=naming))
    fake, genuine = sources
    assert (fake.target, fake.label, fake.collection) == ("mine/fake/a b/Tp_S_ani00001.tif", "fake", "mine")
    assert fake.source_path == "fake/a b/Tp_S_ani00001.tif"
    assert fake.path.is_file()
    assert fake.source_ids == genuine.source_ids == ("ours:ani1",)
    assert (fake.subset, genuine.subset) == ("copy_move", "")
    assert fake.role == "train"
    assert rejected == []


def test_what_is_no_picture_or_no_mask_of_a_fake_is_rejected_and_masks_may_be_missing(folder, caplog):
    put(folder / "genuine/a.png", folder / "fake/b.png")
    (folder / "fake/notes.txt").write_text("x")
    sources, rejected = list_sources(dataset())
    assert len(sources) == 2
    assert [file.path for file in rejected] == ["fake/notes.txt"]
    assert ".txt" in rejected[0].reason
    put(folder / "masks/c.png")
    _, (_, rejected_mask) = list_sources(dataset())
    assert rejected_mask.path == "masks/c.png"
    assert "no fake picture has its name (data.collections…mask_name, here NAME.png)" in rejected_mask.reason
    assert "masks: none of the 1 masks there has the name of a fake" in caplog.text


def test_masks_are_found_in_the_first_folder_that_has_them_with_subfolders_kept(folder):
    put(folder / "genuine/a.png", folder / "fake/x/b.jpg", folder / "fake/c.jpg", folder / "fake/d.jpg")
    put(folder / "one/x/b_mask.png", folder / "two/x/b_mask.png", folder / "two/c_mask.png")
    data = dataset(masks=[str(folder / "one"), str(folder / "two")], mask_name="{stem}_mask.png")
    sources, rejected = list_sources(data)
    masks = {source.path.stem: source.mask_path for source in sources}
    found = {"b": folder / "one/x/b_mask.png", "c": folder / "two/c_mask.png"}
    assert masks == {"a": None, "d": None, **found}
    assert [file.path for file in rejected] == ["two/x/b_mask.png"]


def test_masks_beside_the_fakes_are_no_fakes_and_these_may_lie_elsewhere(folder, tmp_path):
    put(folder / "genuine/a.png", folder / "fake/b.png", folder / "fake/b_mask.png")
    sources, rejected = list_sources(dataset(masks=[str(folder / "fake")], mask_name="{stem}_mask.png"))
    assert [source.target for source in sources] == ["mine/fake/b.png", "mine/genuine/a.png"]
    assert sources[0].mask_path == folder / "fake/b_mask.png"
    assert rejected == []
    put(tmp_path / "elsewhere/b.png")  # it keeps its absolute path
    sources, _ = list_sources(dataset(fake=str(tmp_path / "elsewhere")))
    assert sources[0].source_path == (tmp_path / "elsewhere/b.png").as_posix()
    assert sources[0].target == "mine/fake/b.png"


@pytest.mark.parametrize(
    "name", ["b_gt.png", "b_mask.png", "b-Mask.tif", "b_edgemask.jpg", "b.groundtruth.png"]
)
def test_a_file_beside_a_fake_that_is_called_its_mask_is_no_fake(folder, name):
    put(folder / "genuine/a.png", folder / "fake/x/b.jpg", folder / "fake/x" / name, folder / "fake/c_gt.png")
    sources, rejected = list_sources(dataset())
    masks = {source.target: source.mask_path for source in sources}
    beside = {"mine/fake/x/b.jpg": folder / "fake/x" / name, "mine/fake/c_gt.png": None}
    assert masks == {**beside, "mine/genuine/a.png": None}
    assert rejected == []
    put(folder / "masks/x/b.png")  # the folder of masks comes first
    sources, (beside_it,) = list_sources(dataset())
    assert sources[1].mask_path == folder / "masks/x/b.png"
    assert beside_it.path == f"fake/x/{name}"
    assert "it is called, or looks as, a mask of b.jpg" in beside_it.reason


def photographs(*paths, mask=None, size=(64, 48)):
    """Write pictures of noise, and a mask of two flat colours beside them."""
    put(*paths)
    for seed, path in enumerate(paths):
        noise = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(noise).save(path)
    if mask:
        put(mask)
        drawn = np.zeros((48, 64), np.uint8)
        drawn[10:30, 16:40] = 255
        Image.fromarray(drawn).resize(size, Image.Resampling.NEAREST).save(mask)


@pytest.mark.parametrize(
    "mask",
    [
        *("gt_b.png", "mask_b.png", "b_forged_mask.png", "b_seg.png", "b_B.png", "b.png", "b.jpg.png"),
        *("mask/b.png", "masks/b.png", "gt/b.png", "GroundTruth/b_gt.png", "black/b.png", "b_m.jpg"),
    ],
)
def test_a_mask_among_the_fakes_is_none_of_them_whatever_its_name(folder, mask, caplog):
    photographs(folder / "genuine/a.jpg", folder / "fake/b.jpg", mask=folder / "fake" / mask)
    with caplog.at_level(logging.INFO, "pipeline"):
        sources, rejected = list_sources(dataset())
    assert {source.target: source.mask_path for source in sources} == {
        "mine/genuine/a.jpg": None,
        "mine/fake/b.jpg": folder / "fake" / mask,
    }
    assert rejected == []
    assert "fake: 1 files are masks of pictures beside them" in caplog.text


def test_what_has_the_name_of_another_fake_is_one_where_it_looks_so_and_left_aside_in_doubt(folder, caplog):
    names = [f"{name}.jpg" for name in ("b", "b_1", "b_B", "x/b")]
    photographs(folder / "genuine/a.jpg", *(folder / "fake" / name for name in names))
    sources, rejected = list_sources(dataset())
    assert [source.target for source in sources if source.label == "fake"] == [
        f"mine/fake/{name}" for name in names
    ]
    assert rejected == []
    photographs(folder / "genuine/a.jpg", mask=folder / "fake/b_C.png", size=(32, 48))
    sources, (doubtful,) = list_sources(dataset())
    assert len(sources) == 5
    assert doubtful.path == "fake/b_C.png"
    assert "the name of b.jpg, but another size" in doubtful.reason
    assert "1 files may be masks and are left aside" in caplog.text
    photographs(folder / "fake/c_mask.jpg")
    list_sources(dataset())
    assert "1 files are taken as fake pictures, though they may be masks, as c_mask.jpg" in caplog.text


@pytest.mark.parametrize("mask", ["b_gt.png", "mask_b.png", "b.jpg.png", "B-Mask.BMP"])
def test_a_mask_in_its_folder_may_be_called_as_those_beside_their_pictures(folder, mask):
    put(folder / "genuine/a.png", folder / "fake/x/b.jpg", folder / "masks/x" / mask)
    sources, rejected = list_sources(dataset())
    assert sources[0].mask_path == folder / "masks/x" / mask
    assert rejected == []


@pytest.mark.parametrize("name", ["mask", "GroundTruth"])
def test_a_folder_of_masks_of_another_name_is_said(folder, name, caplog):
    put(folder / "genuine/a.png", folder / "fake/b.jpg", folder / name / "b.png")
    list_sources(dataset())
    assert f"{name} is no folder of masks of this configuration" in caplog.text
    caplog.clear()
    list_sources(dataset(masks=[str(folder / name)]))
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["Cafe\u0301.png", "Caf\u00e9.PNG", "cafe\u0301.png"])
def test_names_of_masks_may_differ_in_case_and_in_the_form_of_accents(folder, name):
    put(folder / "genuine/a.png", folder / "fake/Caf\u00e9.jpg", folder / "masks" / name)
    sources, rejected = list_sources(dataset())
    assert sources[0].mask_path == folder / "masks" / name
    assert rejected == []


def test_a_missing_folder_and_an_empty_class_to_train_on_are_refused(folder):
    put(folder / "genuine/a.png")
    message = r"data\.collections\.mine\.fake .*mine/fake, found nothing.* data\.root"
    with pytest.raises(UserError, match=message):
        list_sources(dataset())
    (folder / "fake").mkdir()
    assert len(list_sources(dataset(role="test"))[0]) == 1
    (folder / "fake/a.txt").write_text("x")
    message = r"mine/fake: no fake picture found there \(1 files that are no pictures"
    with pytest.raises(UserError, match=message):
        list_sources(dataset())


def test_where_one_of_several_collections_is_missing_the_override_without_it_is_named(folder):
    put(folder / "genuine/a.png", folder / "fake/a.png")
    here = dataset()
    there = here.collections["mine"].model_copy(update={"genuine": "x/genuine", "fake": "x/fake"})
    both = here.model_copy(update={"collections": {**here.collections, "theirs": there}})
    with pytest.raises(UserError, match=r"do without this collection: '~data\.collections\.theirs'$"):
        list_sources(both)
    with pytest.raises(UserError, match=r"or data\.collections\.mine\.genuine$"):
        list_sources(dataset(genuine="x/genuine"))


def test_a_folder_that_is_there_in_another_spelling_is_named(folder):
    put(folder / "Genuine/a.png", folder / "fake/a.png")
    with pytest.raises(UserError, match=r"mine/genuine, found nothing; data/raw/mine/Genuine is there; put"):
        list_sources(dataset())
    put(folder / "Masks/a.png")
    with pytest.raises(UserError, match=r"mine\.masks\[0\] is .*/masks, .*; data/raw/mine/Masks is there"):
        list_sources(dataset(genuine=str(folder / "Genuine")))
    (folder / "Facts.csv").touch()
    data = dataset(genuine=str(folder / "Genuine"), masks=[], known_groups=str(folder / "facts.csv"))
    with pytest.raises(UserError, match=r"known_groups is .*/facts\.csv, and .*/Facts\.csv is there"):
        list_sources(data)
    with pytest.raises(UserError, match=r"data\.root is https://host/pictures, an address"):
        list_sources(dataset(root="https://host/pictures"))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("root", ["../mine", "data/../../mine"])
def test_a_relative_root_outside_the_repository_and_a_mask_name_without_the_stem_are_refused(root):
    with pytest.raises(UserError, match=r"data\.root is .*absolute path, /"):
        list_sources(dataset(root=root))
    with pytest.raises(UserError, match=r"mask_name is 'mask\.png'"):
        list_sources(dataset(mask_name="mask.png"))


@pytest.mark.parametrize("fake", ["genuine", "genuine/fake", "."])
def test_folders_inside_one_another_are_refused(folder, fake):
    put(folder / "genuine/a.png", folder / "genuine/fake/b.png")
    message = r"collections\.mine\.genuine.* and .*collections\.mine\.fake.* counted twice"
    with pytest.raises(UserError, match=message):
        list_sources(dataset(fake=str(folder / fake)))


def test_official_sides_come_with_the_pictures_and_one_without_any_is_refused(folder):
    put(folder / "genuine/a.png", folder / "fake/b.png", folder / "fake/test/c.png", folder / "fake/d.png")
    (folder / "train.txt").write_text("a\nb.png\n")
    official = Official(folders={"test": "^test/"}, lists={"train": "train.txt"})
    sources, _ = list_sources(dataset(official=official))
    sides = {source.path.stem: source.official for source in sources}
    assert sides == {"a": "train", "b": "train", "c": "test", "d": ""}
    official = Official(folders={"test": "^tst/"}, lists={"train": "train.txt"})
    with pytest.raises(UserError, match=r"collections\.mine\.official names test, but no picture fits"):
        list_sources(dataset(official=official))


def test_the_real_pictures_are_all_listed(real_pictures, compose_config):
    data = compose_config("data=casia", f"data.root={real_pictures}").data
    sources, rejected = list_sources(data)
    genuine, fake = (
        Counter(source.collection for source in sources if source.label == label) for label in LABELS
    )
    masks = Counter(source.collection for source in sources if source.mask_path)
    assert genuine == {"casia1": 110, "casia2": 327, "imd2020": 35, "comofod": 10, "columbia": 2}
    assert fake == {"casia1": 411, "casia2": 166, "imd2020": 35, "comofod": 10, "columbia": 2}
    assert masks == {"casia1": 410, "casia2": 21, "imd2020": 15, "comofod": 10}
    assert rejected == []


def test_the_unseen_collections_are_all_listed_and_every_row_of_their_table_fits(
    real_pictures, compose_config, caplog
):
    data = compose_config("data=unseen", f"data.root={real_pictures}").data
    sources, rejected = list_sources(data)
    genuine, fake = (
        Counter(source.collection for source in sources if source.label == label) for label in LABELS
    )
    here = {"imd2020": 35, "comofod": 10, "columbia": 2}
    assert genuine == here | {"otmfd": 4, "fau": 3, "stickers": 6}
    assert fake == here | {"otmfd": 30, "fau": 5, "stickers": 6}
    assert sum(source.mask_path is not None for source in sources) == 15 + 10 + 18 + 5
    assert rejected == []
    assert caplog.text == ""
    assert sum(source.known_group != "" for source in sources) == 30
