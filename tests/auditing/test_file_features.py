import io

import numpy as np
import pytest
from PIL import Image

from pipeline.auditing.file_features import FEATURES, NUMBER, header_features
from tests.auditing.builders import encoded, features_of, scene

SETTINGS = {"JPEG": {"quality": 80}, "TIFF": {"compression": "tiff_lzw"}}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF"])
def test_every_format_has_every_feature_of_its_type(kind):
    found = features_of(encoded(scene(), kind, **SETTINGS.get(kind, {})), f"a.{kind.lower()}")
    assert set(found) == set(FEATURES)
    assert found["format"] == kind
    for name, value in found.items():
        assert isinstance(value, float | None if FEATURES[name].kind == NUMBER else str), name


def test_jpeg_settings_are_told_apart():
    one = features_of(encoded(scene(), quality=80, subsampling="4:2:0"))
    other = features_of(encoded(scene(), quality=95, subsampling="4:4:4", optimize=True, progressive=True))
    assert (one["quality"], one["subsampling"], one["progressive"]) == (80.0, "4:2:0", "no")
    assert (other["quality"], other["subsampling"], other["progressive"]) == (95.0, "4:4:4", "yes")
    assert (one["huffman"], other["huffman"]) == ("standard", "optimised")
    assert one["luma_table"] != other["luma_table"]
    assert one["table_distance"] == 0.0
    own = encoded(scene(), qtables=[[7] * 64, [9] * 64])
    assert features_of(own)["table_distance"] > 0


def test_what_software_writes_is_seen():
    exif = Image.Exif()
    exif[0x0131], exif[0x010F], exif[0x0112] = "Editor\x00 3\n", "Camera & Co", 6
    content = encoded(scene(), exif=exif, dpi=(72, 72), comment=b"made by hand", icc_profile=b"profile")
    found = features_of(content)
    assert found["software"] == "Editor 3"
    assert found["camera"] == "Camera & Co"
    assert found["orientation"] == "6"
    assert found["comment"] == "made by hand"
    assert found["resolution"] == "72 x 72"
    assert (found["exif"], found["exif_tags"]) == ("yes", 3.0)
    assert found["icc"] not in ("no", "")
    bare = features_of(encoded(scene()))
    assert (bare["exif"], bare["icc"], bare["software"]) == ("no", "no", "")


def test_names_are_read_for_their_ending_only_and_files_beyond_their_end():
    content = encoded(scene(), "PNG")
    assert features_of(content, "a.png") == features_of(content, "fake_of_b.png")
    assert features_of(content, "a.jpg")["wrong_ending"] == "yes"
    # Bytes after the end are counted.
    content = encoded(scene())
    assert features_of(content)["trailing_bytes"] == 0.0
    assert features_of(content + b"12345")["trailing_bytes"] == 5.0


def test_layouts_of_tiffs_are_told_apart():
    plain, packed = (encoded(scene(), "TIFF", compression=kind) for kind in (None, "tiff_lzw"))
    assert features_of(plain, "a.tif")["compression"] != features_of(packed, "a.tif")["compression"]
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 20), 900, np.uint16)).save(buffer, "TIFF")
    assert features_of(buffer.getvalue(), "a.tif")["mode"].endswith("16 bit")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", b"II*\0" + b"\xff" * 40, b"\x89PNG\r\n\x1a\n" + b"\0" * 40],
    ids=["empty", "jpeg", "tiff", "png"],
)
def test_what_pillow_cannot_open_has_no_features_but_its_size(content):
    found = header_features(content, "a.tif", 10, 20)
    assert set(found) == set(FEATURES)
    assert (found["format"], found["width"], found["height"]) == ("other", 10.0, 20.0)


@pytest.mark.parametrize("seed", range(20))
def test_broken_metadata_never_raises(seed):
    random = np.random.default_rng(seed)
    exif = Image.Exif()
    exif[0x0131] = "x" * 30
    content = bytearray(encoded(scene(), exif=exif, dpi=(72, 72), comment=b"c"))
    for place in random.integers(20, 200, 12):
        content[place] = random.integers(256)
    assert set(header_features(bytes(content), "a.jpg", 96, 64)) == set(FEATURES)
