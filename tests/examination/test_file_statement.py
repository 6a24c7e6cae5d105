import io

import numpy as np
import pytest
from PIL import Image

from pipeline.examination.file_statement import read_statement
from pipeline.examination.known_tables import _known, seen_with, words_of_tables
from pipeline.examination.structure import ADOBE_CAVEAT
from pipeline.examination.xmp import read_xmp
from pipeline.images.jpeg import JpegHeader, read_header
from pipeline.images.read import read
from tests.examination.drawn import XMP, saved, texture
from tests.images.heics import HEICS

PIXELS = texture(96, 128)


def statement(content, name="a.jpg"):
    return read_statement(read(content), name)


def facts(found):
    return {fact.name: fact for fact in found.facts}


def test_a_camera_s_file_is_read_with_its_exif():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model 5", "1.02"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[1] = "N"
    found = statement(saved(PIXELS, exif=exif, quality=90, subsampling="4:2:2"))
    told = facts(found)
    assert told["camera"].value == "Maker Model 5"
    assert told["program"].value == "1.02"
    assert told["subsampling of the colours"].value == "4:2:2"
    assert told["quality of the last save"].value == "90 of 100"
    assert told["size"].value.startswith("128 × 96 pixels")
    assert ("DateTimeOriginal", "2024:05:06 07:08:09") in found.exif
    assert ("GPS GPSLatitudeRef", "N") in found.exif
    assert len(found.tables) == 2
    assert not found.adobe


def test_tables_are_named_by_who_writes_them():
    assert words_of_tables(read_header(saved(PIXELS, quality=75))).startswith("libjpeg's own of quality 75")
    own = read_header(saved(PIXELS, quality=-1, qtables=[[7] * 64, [9] * 64]))
    assert words_of_tables(own).startswith("Not libjpeg's")
    assert seen_with(own) is None


def test_photoshop_s_tables_are_known():
    """Those of its quality 12, 4:4:4, as real files of it have them."""
    key = next(key for key, who in _known().items() if "Adobe Photoshop" in who.programs and not who.cameras)
    assert len(key[0]) == 16
    assert key[1] in ("4:4:4", "4:2:0")


def test_a_header_that_is_known_names_cameras_and_programs(monkeypatch):
    from pipeline.examination import known_tables

    header = JpegHeader(((1,) * 64, (2,) * 64), "4:2:0", 0.25, False, 98, False)
    row = known_tables.SeenWith(3, ("Camera A",), ("Editor B",))
    monkeypatch.setattr(known_tables, "_known", lambda: {(known_tables.table_key(header), "4:2:0"): row})
    words = words_of_tables(header)
    assert "Seen before in 3 files that name the programs Editor B and the cameras Camera A" in words


def test_history_and_what_the_file_says_of_generators_are_read():
    xmp = read_xmp(XMP)
    assert ("made by", "Editor 3") in xmp.values
    assert any("made by a generative model, as the file itself says" in value for _, value in xmp.values)
    assert [event.action for event in xmp.history] == ["created", "saved"]
    assert xmp.history[0].program == "Editor 3"
    assert xmp.history[1].changed == "/"
    found = statement(saved(PIXELS, xmp=XMP))
    assert found.xmp == xmp


@pytest.mark.parametrize(
    "packet",
    [b"", b"<x", b"\xff\xfe\0", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>" * 100_000],
    ids=["nothing", "half", "no text", "entities", "deep"],
)
def test_xmp_that_is_none_is_passed_over(packet):
    assert read_xmp(packet) is None


def test_the_words_of_a_generator_in_a_png_are_shown():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("parameters", "a cat, Steps: 20")
    found = statement(saved(PIXELS, "PNG", pnginfo=info), "a.png")
    assert found.texts == (("parameters", "a cat, Steps: 20"),)
    assert "quantisation tables" not in facts(found)


def test_the_exif_of_a_heic_is_read():
    found = statement(HEICS["turned"], "a.heic")
    assert ("Orientation", "6") in found.exif
    assert facts(found)["format"].value == "HEIF"


# How it is put together.


def oddities(content, name="a.jpg"):
    return " ".join(statement(content, name).oddities)


def test_a_plain_file_has_no_oddity():
    assert oddities(saved(PIXELS)) == ""


def test_what_stands_behind_the_end_is_said_with_what_it_begins_as():
    plain = saved(PIXELS)
    assert "1,234 zeros" in oddities(plain + bytes(1234))
    assert "that begin as an archive" in oddities(plain + b"PK\x03\x04" + b"x" * 50)
    assert "that begin as a JPEG" in oddities(plain + plain)


def test_a_wrong_ending_and_exif_of_another_size_are_said():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = 4000, 3000
    exif[0x0132] = "2024:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2023:01:01 00:00:00"
    said = oddities(saved(PIXELS, exif=exif), "a.png")
    assert "ends in .png, but it is a JPEG" in said
    assert "EXIF says 4000 × 3000 pixels, the picture has 128 × 96" in said
    assert "taken on 2023:01:01 00:00:00 and saved on 2024:01:01" in said


def test_a_picture_held_upright_has_no_size_of_another():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = 128, 96
    assert "EXIF says" not in oddities(saved(PIXELS, exif=exif))


def test_progressive_optimised_and_comments_are_said():
    said = oddities(saved(PIXELS, progressive=True, comment=b"made <b>by</b> hand"))
    assert "progressive" in said
    assert "Huffman" in said
    assert "made <b>by</b> hand" in said


def test_adobe_means_that_adobe_saved_it_and_no_more():
    photoshop = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0"
    block = b"\xff\xed" + (len(photoshop) + 2).to_bytes(2, "big") + photoshop
    content = saved(PIXELS)
    found = statement(content[:2] + block + content[2:])
    assert found.adobe == ADOBE_CAVEAT
    assert "19 of 27 untouched phone pictures" in found.adobe
    assert "does not say that the picture was changed" in found.adobe
    assert statement(content).adobe == ""


@pytest.mark.parametrize("seed", range(15))
def test_broken_metadata_never_raises(seed):
    random = np.random.default_rng(seed)
    exif = Image.Exif()
    exif[0x0131] = "x" * 30
    exif.get_ifd(0x8769)[0x9003] = "2024"
    content = bytearray(saved(PIXELS, exif=exif, comment=b"c", xmp=XMP))
    whole = read(bytes(content))
    for place in random.integers(20, 700, 25):
        content[place] = random.integers(256)
    stream = io.BytesIO(whole.content)
    broken = read(stream.getvalue())
    object.__setattr__(broken, "content", bytes(content))  # pixels as they were, what stands before them not
    assert read_statement(broken, "a.jpg").facts
