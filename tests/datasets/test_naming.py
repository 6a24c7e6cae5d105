from pathlib import Path, PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config_data import Naming, Official
from pipeline.datasets.naming import NO_RULE, compile_naming, read_published
from pipeline.datasets.owner_tables import Finder
from pipeline.errors import UserError
from pipeline.images.files import Source

CONF = Path(__file__).parents[2] / "conf" / "data"


def rule(dataset, collection):
    """Take a rule from the shipped configuration."""
    naming = yaml.safe_load((CONF / f"{dataset}.yaml").read_text())["collections"][collection]["naming"]
    return compile_naming(Naming(**naming), "naming")


@pytest.mark.parametrize(
    ("collection", "stem", "sources", "subset"),
    [
        ("casia1", "Au_ani_0001", ("casia:ani1",), ""),
        ("casia1", "Sp_D_CNN_A_ani0049_ani0084_0266", ("casia:ani49", "casia:ani84"), "splice"),
        ("casia1", "Sp_S_NNN_T_txt0068_txt0068_0068", ("casia:txt68",), "copy_move"),
        ("casia1", "Sp_D_NRN_A_ant0063_nat0065_0443", ("casia:ant63", "casia:nat65"), "splice"),
        ("casia2", "Au_ani_00001", ("casia:ani1",), ""),
        ("casia2", "Tp_D_CRN_S_N_cha00063_art00014_11818", ("casia:art14", "casia:cha63"), "splice"),
        ("casia2", "Tp_S_NRN_S_O_cha00035_cha00067_11734", ("casia:cha35", "casia:cha67"), "splice"),
        ("casia2", "Tp_D_CNN_S_B_cha00025_cha00025_00345", ("casia:cha25",), "copy_move"),
        ("casia2", "Tp_S_NNN_S_N_art00059_art00059_10508", ("casia:art59",), "copy_move"),
        ("casia2", "Tp_D_CRN_L_N_art00028_xxx00002_11282", ("casia:art28", "casia:xxx2"), "splice"),
        ("casia1", "Sp_S_NNN_A_arc0002_arc0026_0201", ("casia:arc2", "casia:arc26"), "splice"),
        ("casia1", "Sp_D_NRN_A_cha0037_cha0037_0513", ("casia:cha37",), "copy_move"),
        ("imd2020", "00028_fake", ("imd2020:28",), ""),
        ("imd2020", "1a8jd2_orig", ("imd2020:1a8jd2",), ""),
        ("imd2020", "c8xkcsl_0", ("imd2020:c8xkcsl",), ""),
        ("comofod", "012", ("comofod:12",), "copy_move"),
        ("columbia", "4cam_splc_1", (), "splice"),
        ("sample", "Tp_D_CRN_S_N_cha00063_art00014_00001", ("sample:art14", "sample:cha63"), "splice"),
        ("sample", "Tp_S_NRN_M_B_cha00063_cha00063_00002", ("sample:cha63",), "copy_move"),
        ("sample", "Tp_S_NNE_S_B_cha00063_cha00063_00003", ("sample:cha63",), "removal"),
    ],
)
def test_shipped_rules_read_the_real_names(collection, stem, sources, subset):
    naming = rule("sample" if collection == "sample" else "casia", collection)
    assert naming.source_ids(stem) == sources
    assert naming.subset(stem) == subset


@pytest.mark.parametrize(
    ("collection", "stem", "sources", "subset"),
    [
        ("imd2020", "1a8jd2_orig", ("imd2020:1a8jd2",), ""),
        ("comofod", "012", ("comofod:12",), "copy_move"),
        ("otmfd", "012_F_1to2", ("comofod:12",), "copy_move"),  # the very scene of CoMoFoD
        ("otmfd", "DSC_1535tamp37", ("comofod:DSC_1535",), "copy_move"),
        ("otmfd", "CRW_4901_JFRtamp237", ("comofod:CRW_4901",), "copy_move"),
        ("otmfd", "CRW_4901tamp1", ("comofod:CRW_4901",), "copy_move"),
        ("otmfd", "TP_C01_014_copy", ("comofod:C01_014",), "copy_move"),
        ("otmfd", "DSC_1535_scale", ("comofod:DSC_1535",), "copy_move"),
        ("otmfd", "copy_move_12", ("comofod:copy_move_12",), "copy_move"),
        ("otmfd", "21t", (), "copy_move"),  # of another collection, whose 21 is not CoMoFoD's
        ("otmfd", "28", (), "copy_move"),
        ("fau", "clean_walls_gcs500_copy_rb5", ("fau:clean_walls",), "copy_move"),
        ("fau", "cattle", ("fau:cattle",), "copy_move"),
        ("stickers", "1024x768_test1_fake", ("stickers:1024x768_test1",), "splice"),
        ("stickers", "1024x768_test1_original", ("stickers:1024x768_test1",), ""),
        ("columbia", "4cam_splc_1", (), "splice"),
    ],
)
def test_rules_of_unseen_collections_read_the_real_names(collection, stem, sources, subset):
    naming = rule("unseen", collection)
    assert naming.source_ids(stem) == sources
    assert naming.subset(stem) == subset


@given(st.integers(0, 9999), st.sampled_from(["ani", "arc", "txt"]))
def test_leading_zeros_make_no_other_picture(number, category):
    naming = rule("casia", "casia2")
    four, five = (naming.source_ids(f"Au_{category}_{number:0{digits}}") for digits in (4, 5))
    assert four == five == (f"casia:{category}{number}",)


def test_no_rule_finds_nothing_and_one_number_in_two_namespaces_is_two_pictures(tmp_path):
    assert read_published(None, tmp_path, "key") is None
    assert NO_RULE is compile_naming(None, "naming")
    assert NO_RULE.source_ids("Tp_D_CRN_S_N_cha00063") == ()
    assert NO_RULE.subset("Tp_D_CRN_S_N_cha00063") == ""
    ours, theirs = (
        compile_naming(Naming(namespace=name, source=r"(?P<number>\d+)"), "k") for name in ("ours", "theirs")
    )
    assert ours.source_ids("img7") != theirs.source_ids("img7")


@pytest.mark.parametrize(
    ("naming", "message"),
    [
        (Naming(namespace="a", source="(?P<number>[0-9+"), r"data\.x\.source is .* no regular expression"),
        (Naming(namespace="a", source="[a-z]+[0-9]+"), r"data\.x\.source .* has no group `number`"),
        (Naming(namespace="a:b", source=r"(?P<number>\d+)"), r"data\.x\.namespace is 'a:b'"),
        (Naming(namespace="a", subsets={"splice": "("}), r"data\.x\.subsets\.splice is '\('"),
    ],
    ids=["broken", "no number", "namespace", "subset"],
)
def test_a_wrong_rule_is_named_with_its_key(naming, message):
    with pytest.raises(UserError, match=message):
        compile_naming(naming, "data.x")


def side(folder, below, listed=None, **folders):
    """Return the side of a picture where this list of test pictures and these folders are published."""
    if listed is not None:
        (folder / "test.txt").write_text(listed)
    official = Official(lists={} if listed is None else {"test": "test.txt"}, folders=folders)
    published = read_published(official, folder, "data.collections.c.official")
    picture = Source(folder / "fake" / below, f"fake/{below}", f"c/fake/{below}", "fake", "c", "train")
    return published.sides([PurePosixPath(below)], Finder([picture], {("c", "fake"): folder / "fake"}))[0]


@pytest.mark.parametrize(
    "line",
    [
        "b.jpg",
        "b",
        "x/b.jpg",
        "x/b",
        "./x/b.jpg",
        "x\\b.jpg",
        "  b  ",
        "/home/anna/fake/x/b.jpg",
        "C:\\sets\\fake\\x\\b",
    ],
)
def test_a_list_holds_names_or_paths_with_or_without_endings(tmp_path, line):
    assert side(tmp_path, "x/b.jpg", f"\na.jpg\n{line}\n") == "test"
    assert side(tmp_path, "x/c.jpg", f"\na.jpg\n{line}\n") == ""


def test_other_names_do_not_fit_and_a_name_with_a_dot_is_not_cut(tmp_path):
    for line in ("b.tif", "y/b", "b.jp", "x"):
        assert side(tmp_path, "x/b.jpg", line) == ""
    assert side(tmp_path, "b.v2.jpg", "b.v2") == "test"
    assert side(tmp_path, "b.jpg", "b.v2") == ""


def test_folders_are_patterns_on_the_path_and_no_picture_is_on_two_sides(tmp_path):
    folders = {"train": "^tr/", "validation": "/val_", "test": "^te/"}
    found = [side(tmp_path, path, **folders) for path in ("tr/a.png", "x/val_a.png", "te/a.png", "a.png")]
    assert found == ["train", "validation", "test", ""]
    with pytest.raises(UserError, match=r"c\.official puts tr/a\.png into train and test"):
        side(tmp_path, "tr/a.png", "a", train="^tr/")


@pytest.mark.parametrize(
    ("official", "message"),
    [
        (
            Official(folders={"val": "x"}),
            r"official\.folders\.val: no such side; allowed are train, validation",
        ),
        (Official(folders={"test": "("}), r"official\.folders\.test is '\(', which is no regular expression"),
        (Official(lists={"test": "no.txt"}), r"official\.lists\.test is .*no\.txt: No such file"),
        (Official(lists={"test": "empty.txt"}), r"lists\.test is .*empty\.txt, which is empty"),
        (Official(lists={"test": "binary.txt"}), r"lists\.test is .*binary\.txt: it is no text in UTF-8"),
    ],
    ids=["no side", "broken", "missing", "empty", "binary"],
)
def test_mistakes_are_named_with_their_key(tmp_path, official, message):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=message):
        read_published(official, tmp_path, "data.collections.c.official")
