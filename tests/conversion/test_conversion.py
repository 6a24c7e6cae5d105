"""A dataset is converted whole, once, and the tables say what became of every file."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.conversion import conversion, convert_one, journal
from pipeline.conversion.conversion import convert_pictures
from pipeline.conversion.file_table import FILE_COLUMNS, write_rejected
from pipeline.convert import run
from pipeline.datasets.tables import read_files
from pipeline.errors import UserError
from pipeline.images.files import Rejected
from pipeline.images.jpeg import read_header
from pipeline.images.mask import read_mask
from pipeline.storage import write_csv
from tests.images.pictures import (
    EQUAL,
    digests,
    draw_photo,
    list_folder,
    make_dataset,
    on_cores,
    read_rgb,
    read_rows,
    settings,
    turned_by,
)


def test_equal_saves_every_picture_alike_and_the_table_describes_it(convert, dataset, output):
    assert convert().converted == 10
    table = read_rows(output)
    for path in table["path"]:
        header = read_header((output / path).read_bytes())
        assert (header.quality, header.exact, header.subsampling) == (95, True, "4:4:4")
    assert table.columns.tolist() == FILE_COLUMNS
    assert table["path"].tolist() == sorted(table["path"])
    row = table.set_index("path").loc["set/fake/f2.jpg"]
    found = digests(output)
    assert row["source_path"] == "fake/f2.tif"
    assert (row["label"], row["collection"], row["source_format"]) == ("fake", "set", "TIFF")
    assert (row["width"], row["height"]) == ("60", "40")
    assert row["bytes"] == str((output / "set/fake/f2.jpg").stat().st_size)
    assert row["source_sha256"] == digests(dataset)["fake/f2.tif"]
    assert row["sha256"] == found["set/fake/f2.jpg"]
    assert row["mask_path"] == "set/masks/f2.png"
    assert row["mask_sha256"] == found["set/masks/f2.png"]
    assert len(row["pixel_sha256"]) == 64
    assert len(row["phash"]) == 16
    assert row["jpeg_quality"] == ""
    assert table.set_index("path").loc["set/fake/f0.jpg", "jpeg_quality"] == "75"
    assert found.keys() == {*table["path"], *filter(None, table["mask_path"]), "files.csv", "rejected.csv"}


def test_raw_keeps_every_byte_and_tif_only_saves_tifs_alone(convert, dataset, output):
    convert(settings("raw"))
    sources, found = digests(dataset), digests(output)
    assert all(found[row.path] == sources[row.source_path] for row in read_rows(output).itertuples())
    convert(settings("tif_only"))
    table = read_rows(output)
    copied = table["source_sha256"] == table["sha256"]
    assert table.loc[~copied, "path"].tolist() == ["set/fake/f2.jpg", "set/genuine/g2.jpg"]
    assert table.loc[copied, "policy"].str.startswith("tif_only(copied").all()


def test_masks_are_the_original_ones_turned_upright_with_their_pictures(convert, dataset, output):
    convert()
    mask = read_mask(dataset / "masks/f1.png")
    assert np.array_equal(read_mask(output / "set/masks/f1.png"), mask)
    Image.fromarray(mask).convert("RGB").save(dataset / "fake/f1.png", exif=turned_by(6))
    convert()
    upright = read_mask(output / "set/masks/f1.png")
    assert upright.shape == (60, 40)
    assert np.array_equal(read_rgb(output / "set/fake/f1.jpg")[..., 0] > 127, upright)


@pytest.mark.usefixtures("trusting")
def test_what_was_read_of_a_mask_is_in_the_table_and_read_again_where_its_background_changes(
    convert, dataset, output
):
    mask = Image.new("RGB", (60, 40))
    mask.paste((200, 0, 0), (0, 0, 30, 20))
    mask.save(dataset / "masks/f0.png")
    convert()
    row = read_rows(output).set_index("path").loc["set/fake/f0.jpg"]
    assert (row["mask_share"], row["mask_background"]) == ("0.25", "black")
    convert(mask_background=("#c80000",))
    row = read_rows(output).set_index("path").loc["set/fake/f0.jpg"]
    assert (row["mask_share"], row["mask_background"]) == ("0.75", "#c80000")
    assert read_mask(output / row["mask_path"]).mean() == 0.75


@pytest.mark.parametrize("workers", [2, 3])
def test_files_and_tables_do_not_depend_on_the_number_of_workers(
    dataset, output, convert, monkeypatch, workers
):
    for i in range(20):
        Image.fromarray(draw_photo(seed=200 + i)).save(dataset / "genuine" / f"more{i}.png")
    (dataset / "genuine" / "bad.png").write_bytes(b"no")
    convert(workers=1)
    expected = digests(output)
    shutil.rmtree(output)
    journal.journal_path(output).unlink()
    monkeypatch.setattr(conversion, "_ALONE", 0)
    convert(workers=workers)
    assert digests(output) == expected


def test_what_is_no_picture_is_rejected_with_its_reason_and_counted(convert, dataset, output):
    whole = (dataset / "genuine/g0.jpg").read_bytes()
    (dataset / "genuine/cut.jpg").write_bytes(whole[:-300])
    (dataset / "genuine/text.png").write_text("hello")
    (dataset / "fake/empty.tif").touch()
    counts = convert(rejected=[Rejected("genuine/notes.txt", "it has the ending .txt")])
    assert (counts.converted, counts.rejected) == (10, 4)
    rejected = read_rows(output, "rejected.csv").set_index("path")["reason"]
    names = ["fake/empty.tif", "genuine/cut.jpg", "genuine/notes.txt", "genuine/text.png"]
    assert rejected.index.tolist() == names
    assert rejected["fake/empty.tif"] == "the file is empty"
    assert "truncated" in rejected["genuine/cut.jpg"]
    assert "no picture" in rejected["genuine/text.png"]
    assert not (output / "set/genuine/cut.jpg").exists()


@pytest.mark.usefixtures("trusting")
def test_a_mask_that_does_not_fit_is_reported_and_its_picture_kept(convert, dataset, output):
    Image.new("L", (10, 300)).save(dataset / "masks/f0.png")
    counts = convert()
    assert (counts.converted, counts.rejected, counts.masks_rejected) == (10, 0, 1)
    row = read_rows(output).set_index("path").loc["set/fake/f0.jpg"]
    assert (row["mask_path"], row["mask_sha256"]) == ("", "")
    (rejected,) = read_rows(output, "rejected.csv").itertuples()
    assert rejected.path == str(dataset / "masks/f0.png")
    assert "10x300" in rejected.reason
    assert convert().masks_rejected == 1
    assert len(read_rows(output, "rejected.csv")) == 1


def test_what_an_interrupted_write_left_goes_and_a_lost_class_leaves_all_as_it_was(convert, dataset, output):
    convert()
    (output / "set/fake/.0a1b2c3d.partial.jpg").write_bytes(b"half")
    assert convert().removed == 1
    assert not list(output.rglob("*.partial*"))
    earlier = digests(output)
    for path in (dataset / "fake").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"none of the 5 fake pictures .* can be used.*f0\.jpg") as caught:
        convert()
    assert str(dataset / "fake") in str(caught.value)
    assert digests(output) == earlier
    shutil.rmtree(dataset / "genuine")
    with pytest.raises(UserError, match="no genuine picture"):
        convert()


def test_folders_of_pictures_or_of_something_else_are_not_touched(convert, dataset, output):
    output.mkdir()
    (output / "thesis.docx").write_text("ten years of work")
    with pytest.raises(UserError, match=r"thesis\.docx"):
        convert()
    assert (output / "thesis.docx").read_text() == "ten years of work"
    before = digests(dataset)
    for inside in (dataset, dataset / "fake", dataset / "fake/out"):
        with pytest.raises(UserError, match="must not lie in the other"):
            convert_pictures(list_folder(dataset), [], inside, EQUAL, on_cores(1))
    assert digests(dataset) == before


def test_names_of_all_kinds_are_converted_each_to_a_file_of_its_own(convert, dataset, output):
    names = ["ünï cödé 日本.TIF", "a,b;\"c'.Png", "x.tar.jpg", "-rf.bmp", "new\nline.png", "%41.webp"]
    for i, name in enumerate(names):
        Image.fromarray(draw_photo(seed=300 + i)).save(dataset / "genuine" / name)
    Image.fromarray(draw_photo(seed=9)).save(dataset / "fake/f0.tif")
    assert convert().converted == 11 + len(names)
    path_of = read_rows(output).set_index("source_path")["path"]
    for name in names:
        assert (output / path_of[f"genuine/{name}"]).is_file()
    assert (path_of["fake/f0.jpg"], path_of["fake/f0.tif"]) == ("set/fake/f0.jpg", "set/fake/f0.tif.jpg")


def test_a_published_split_comes_through_and_a_file_that_vanishes_since_it_was_listed_is_rejected(
    dataset, output
):
    sources = [replace(source, official="test") for source in list_folder(dataset)]
    (dataset / "fake/f0.jpg").unlink()
    counts = convert_pictures(sources, [], output, EQUAL, on_cores(1))
    assert (counts.converted, counts.rejected) == (9, 1)
    assert set(read_rows(output)["official"]) == {"test"}
    assert set(read_rows(output)["page"]) == {"0"}


def test_files_that_are_lost_beyond_the_limit_stop_the_conversion_and_are_named(convert, dataset, output):
    convert()
    table = (output / "files.csv").read_bytes()
    for i in range(5):
        (dataset / "genuine" / f"bad{i}.png").write_bytes(b"no")
    with pytest.raises(UserError) as caught:
        convert(settings("equal", max_rejected=0.3))
    message = str(caught.value)
    assert "5 of 15 pictures (33.3%)" in message
    assert "convert.max_rejected=0.3" in message
    assert "genuine/bad0.png: it is no picture" in message
    assert "and 2 more" in message
    assert str(output / "rejected.csv") in message
    assert len(read_rows(output, "rejected.csv")) == 5
    assert (output / "files.csv").read_bytes() == table
    assert convert(settings("equal", max_rejected=0.34)).rejected == 5


def test_files_beside_the_pictures_count_as_lost_only_where_they_should_have_been_pictures(convert):
    beside = [Rejected(f"genuine/{i}.txt", "it has the ending .txt") for i in range(50)]
    none = settings("equal", max_rejected=0.0)
    assert convert(none, rejected=beside).rejected == 50
    with pytest.raises(UserError, match="a link to a file"):
        convert(none, rejected=[Rejected("a.png", "a link to a file", lost=True)])


@pytest.mark.usefixtures("trusting")
def test_a_picture_beyond_the_limits_is_rejected_also_where_it_was_converted_before(convert, dataset, output):
    Image.fromarray(draw_photo(400, 600)).save(dataset / "genuine/large.png")
    assert convert().converted == 11
    counts = convert(settings("equal", max_megapixels=0.2))
    assert (counts.converted, counts.unchanged, counts.rejected) == (10, 10, 1)
    assert "convert.max_megapixels" in read_rows(output, "rejected.csv")["reason"].iloc[0]
    assert convert(settings("equal", max_gib=0.0005)).rejected == 1
    assert convert().converted == 11


@pytest.fixture
def pages(dataset):
    """A TIFF of three pages among the fakes, with a mask of three pages."""
    drawn = [Image.fromarray(draw_photo(seed=70 + i)) for i in range(3)]
    drawn[0].save(dataset / "fake/book.tif", save_all=True, append_images=drawn[1:])
    masks = [Image.new("L", (60, 40), 0) for _ in range(3)]
    for i, mask in enumerate(masks):
        mask.paste(255, (0, 0, 10 * (i + 1), 10))
    # list_folder looks for a mask of this name
    masks[0].save(dataset / "masks/book.png", "TIFF", save_all=True, append_images=masks[1:])
    return drawn


@pytest.mark.parametrize("policy", ["equal", "matched", "lossless"])
@pytest.mark.usefixtures("trusting")
def test_the_first_page_or_every_one_is_a_picture_with_its_page_of_the_mask(convert, pages, output, policy):
    assert convert(settings(policy)).converted == 11
    if policy == "lossless":
        assert np.array_equal(read_rgb(output / "set/fake/book.png"), np.asarray(pages[0]))
    assert convert(settings(policy, pages="all")).converted == 13
    rows = read_rows(output).query("source_path == 'fake/book.tif'")
    ending = "png" if policy == "lossless" else "jpg"
    assert rows["path"].tolist() == [f"set/fake/book{page}.{ending}" for page in ("-page2", "-page3", "")]
    assert rows["page"].tolist() == ["1", "2", "0"]
    assert rows["pixel_sha256"].nunique() == 3
    if policy == "lossless":
        assert np.array_equal(read_rgb(output / "set/fake/book-page3.png"), np.asarray(pages[2]))
    for page, width in (("", 10), ("-page2", 20), ("-page3", 30)):
        assert read_mask(output / f"set/masks/book{page}.png")[5].sum() == width
    assert convert(settings(policy, pages="all")).unchanged == 13
    assert convert(settings(policy, pages="first")).removed == 4  # two pages and their masks


def test_pages_of_files_that_are_copied_are_refused(convert):
    for policy in ("raw", "tif_only"):
        with pytest.raises(UserError, match=r"pages=first.* equal, matched, lossless"):
            convert(settings(policy, pages="all"))


def test_a_folder_given_on_the_command_line_is_converted(compose_config, tmp_path, monkeypatch, capsys):
    root = make_dataset(tmp_path / "pictures")
    (root / "fake" / "notes.txt").write_text("cropped by hand")
    (root / "fake" / "cut.jpg").write_bytes((root / "fake" / "f0.jpg").read_bytes()[:500])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw/folders/masks").mkdir(parents=True)
    run(compose_config("data=folders", f"data.root={root}", "convert.max_rejected=0.1"))
    printed = capsys.readouterr().out
    assert "10 pictures" in printed
    assert "2 files rejected" in printed
    assert "data/converted/rejected.csv" in printed
    rejected = (tmp_path / "data/converted/rejected.csv").read_text().splitlines()
    assert rejected[0] == "path,reason,collection,label"
    assert [line.split(",")[0] for line in rejected[1:]] == ["fake/cut.jpg", "fake/notes.txt"]
    files = (tmp_path / "data/converted/files.csv").read_text()
    assert files.count("folders/fake/") == 5
    assert files.count("folders/masks/") == 3


ODD_NAMES = ["carriage\rreturn", "new\nline", '"quoted"', "a,b", " a ", "a\r", "\x1b[2K", "a\u2028b", "𝔞"]


def test_a_name_is_read_back_as_it_is_and_one_of_255_bytes_is_cut(convert, dataset, output):
    drawn = Image.fromarray(draw_photo(seed=1))
    longest = ["d" * 255, "a" * 251 + ".jpg", "a" * 251 + ".png", "ü" * 125 + ".tif"]
    for name in [f"{name}.png" for name in ODD_NAMES] + longest:
        drawn.save(dataset / "genuine" / name, "PNG")
    (dataset / "masks" / f"{'f' * 251}.png").write_bytes((dataset / "masks/f0.png").read_bytes())
    shutil.copy(dataset / "fake/f0.jpg", dataset / "fake" / f"{'f' * 251}.jpg")
    assert convert().rejected == 0
    table = read_files(output).set_index("source_path")
    odd = [f"genuine/{name}.png" for name in ODD_NAMES]
    assert {*odd, *(f"genuine/{name}" for name in longest)} <= {*table.index}
    assert all((output / path).is_file() for path in table["path"])
    assert table["path"].is_unique
    assert (output / table.loc[f"fake/{'f' * 251}.jpg", "mask_path"]).is_file()
    assert convert().unchanged == len(table)


@given(st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), unique=True))
def test_tables_of_any_names_are_read_back_the_same(names):
    rejected = [Rejected(name, f"because {name}") for name in names]
    with tempfile.TemporaryDirectory() as folder:
        write_rejected(Path(folder, "rejected.csv"), rejected)
        found = read_rows(Path(folder), "rejected.csv")
        assert found["path"].tolist() == sorted(names)
        write_csv(Path(folder, "again.csv"), found)
        assert read_rows(Path(folder), "again.csv").equals(found)


@pytest.mark.usefixtures("trusting")
def test_whatever_is_wrong_with_one_picture_is_a_row_of_it(convert, dataset, output, monkeypatch):
    Image.new("RGB", (65_501, 8)).save(dataset / "genuine/wide.png")
    gone = list_folder(dataset)[0]
    real = convert_one.read

    def read(path, *others):
        if path.name == "g1.png":
            raise ZeroDivisionError("float division")
        if path.name == gone.path.name:
            gone.path.unlink(missing_ok=True)
        return real(path, *others)

    monkeypatch.setattr(convert_one, "read", read)
    counts = convert(settings("equal", max_rejected=0.5))
    reasons = read_rows(output, "rejected.csv").set_index("path")["reason"]
    assert (counts.converted, counts.rejected) == (8, 3)
    assert "65501x8 pixels, and a JPEG at most 65500 a side" in reasons["genuine/wide.png"]
    assert reasons["genuine/g1.png"] == "it cannot be converted (ZeroDivisionError: float division)"
    assert reasons[gone.source_path] == "No such file or directory"
    assert convert(settings("lossless", max_rejected=0.5)).converted == 9
