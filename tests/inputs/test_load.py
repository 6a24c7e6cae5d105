import io
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import UserError
from pipeline.images.files import Unreadable
from pipeline.images.jpeg import dct_basis, libjpeg_tables
from pipeline.images.mask import align_mask, encode_mask
from pipeline.images.read import read
from pipeline.inputs.cache import DecodedPictures, PictureCache
from pipeline.inputs.crops import files_of
from pipeline.inputs.load import load, load_mask, loaded_shape, resize
from tests.images.pictures import draw_photo, encoded, saved, turned_by, turned_without_loss
from tests.inputs.drawn import blotches, draw_table, native, resized

SETTINGS = [resized(), native()]
grained = partial(draw_photo, seed=6)
each_method = pytest.mark.parametrize("settings", SETTINGS, ids=["resized", "native"])


@each_method
def test_a_file_and_its_content_give_the_same(tmp_path, settings):
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(blotches(1)))
    for of_file, of_content in zip(load(path, settings), load(path.read_bytes(), settings), strict=True):
        assert np.array_equal(of_file, of_content)


def test_a_jpeg_decoded_at_reduced_size_looks_like_one_decoded_whole():
    content = saved(blotches(2, height=256, width=384), quality=95, subsampling=0)
    whole = np.array(Image.open(io.BytesIO(content)))
    fast = load(content, resized(height=64, width=64)).pixels
    assert np.abs(fast.astype(int) - resize(whole, 64, 64)).max() <= 6


@each_method
@pytest.mark.parametrize("quality", [60, 95])
def test_what_is_known_to_be_whole_is_loaded_as_any_other_file(tmp_path, settings, quality):
    path = tmp_path / "converted.jpg"
    for content in (
        saved(grained(67, 93), quality=quality),
        saved(grained(300, 411), quality=quality, subsampling=2, progressive=True),
        saved(grained(48, 64), quality=quality, exif=turned_by(6)),
        encoded(grained(48, 64), "PNG"),
    ):
        path.write_bytes(content)
        for known, other in zip(load(path, settings, known_whole=True), load(path, settings), strict=True):
            assert np.array_equal(known, other)


@each_method
def test_an_unreadable_file_is_named(tmp_path, settings):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    with pytest.raises(Unreadable, match=r"broken\.jpg"):
        load(path, settings)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (53, 71), (8, 8), (5, 30)])
def test_native_pixels_are_those_of_the_picture_as_far_as_its_whole_blocks_go(height, width):
    picture = blotches(3, height, width)
    pixels = load(encoded(picture, "PNG"), native()).pixels
    assert pixels.shape[:2] == loaded_shape(height, width, native())
    tall, wide = min(height, pixels.shape[0]), min(width, pixels.shape[1])
    assert np.array_equal(pixels[:tall, :wide], picture[:tall, :wide])
    assert all(side % 8 == 0 for side in pixels.shape[:2])


def test_the_table_is_that_of_the_file():
    table = load(saved(blotches(4), quality=77), native()).quantisation
    assert np.array_equal(table.ravel(), libjpeg_tables(77)[0])


def test_a_file_without_a_table_of_its_own_has_zeros():
    for content in (encoded(blotches(5), "PNG"), saved(Image.fromarray(blotches(5)).convert("CMYK"))):
        assert not load(content, native()).quantisation.any()


# A picture that its orientation turns is what it was before it was saved turned.

all_orientations = pytest.mark.parametrize("orientation", range(1, 9))


@all_orientations
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_turned_by_its_orientation_is_loaded_as_the_upright_one(orientation, mode):
    upright = saved(Image.fromarray(grained(48, 64)).convert(mode), quality=60, subsampling=0)
    turned = turned_without_loss(upright, orientation)
    assert (read(turned).orientation, read(turned).upright_size) == (orientation, (64, 48))
    before, after = load(upright, native()), load(turned, native())
    assert np.array_equal(after.quantisation, before.quantisation)
    assert np.abs(after.pixels.astype(int) - before.pixels).max() <= 2  # of the transform's two passes


@settings(max_examples=200)
@given(height=st.integers(8, 60), width=st.integers(8, 60), orientation=st.integers(1, 8))
def test_the_blocks_that_are_loaded_are_those_that_were_saved(height, width, orientation):
    """Their coefficients are multiples of the table, but for the rounding of pixels."""
    within = grained(height, width) // 2 + 64  # so that nothing is cut off at 0 and 255
    picture = Image.fromarray(within).convert("L")
    loaded = load(saved(picture, quality=40, exif=turned_by(orientation)), native())
    luma = loaded.pixels[..., 0] - 128.0
    rows, columns = (side // 8 for side in luma.shape)
    blocks = luma.reshape(rows, 8, columns, 8).swapaxes(1, 2)
    coefficients = dct_basis() @ blocks @ dct_basis().T
    steps = coefficients / loaded.quantisation
    assert (np.abs(steps - np.rint(steps)) * loaded.quantisation).max() < 4.5


@all_orientations
@pytest.mark.parametrize(("height", "width"), [(43, 61), (48, 61), (5, 61)])
def test_a_mask_is_cut_where_its_picture_is(tmp_path, orientation, height, width):
    marked = np.zeros((height, width), bool)
    marked[height // 3 :, : width // 2] = True
    stored = Image.fromarray(marked.astype(np.uint8) * np.uint8(255))
    (tmp_path / "a.jpg").write_bytes(saved(stored.convert("RGB"), quality=98, exif=turned_by(orientation)))
    picture = read(tmp_path / "a.jpg")
    (tmp_path / "a.png").write_bytes(encode_mask(align_mask(read(encoded(stored, "PNG")), picture).pixels))
    pixels = load(tmp_path / "a.jpg", native()).pixels
    mask = load_mask(tmp_path / "a.png", tmp_path / "a.jpg")
    assert np.array_equal(pixels[..., 0] > 127, mask)


sides = st.integers(1, 40)


@given(sides, sides, sides, sides)
def test_any_size_becomes_the_wanted_one(height, width, wanted_height, wanted_width):
    picture = np.full((height, width, 3), 77, np.uint8)
    resized = resize(picture, wanted_height, wanted_width)
    assert resized.shape == (wanted_height, wanted_width, 3)
    assert resized.dtype == np.uint8
    assert (resized == 77).all()


def test_a_picture_of_the_wanted_size_keeps_its_pixels():
    picture = blotches(0)
    assert np.array_equal(resize(picture, *picture.shape[:2]), picture)


def test_fine_texture_is_averaged_and_makes_no_moire():
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    resized = resize(stripes, 64, 36)
    assert abs(resized.mean() - 127.5) < 2
    assert resized.std() < 45


def test_one_axis_may_shrink_while_the_other_grows():
    ramp = np.repeat(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    resized = resize(ramp, 32, 16)
    assert np.array_equal(resized, np.broadcast_to(resized[:1], resized.shape))
    assert (np.diff(resized[0, :, 0].astype(int)) > 0).all()


SIZE = 16 * 64 * 64 * 3  # 192 KiB
ROOM_FOR_ONE = 0.0002  # GiB


def test_memory_is_handed_out_up_to_its_limit_and_then_the_disk():
    cache = PictureCache("auto", ROOM_FOR_ONE)
    first, second = cache.room_for(SIZE, 16), cache.room_for(SIZE, 16)
    assert type(first) is np.ndarray
    assert isinstance(second, np.memmap)
    assert first.shape == second.shape == (SIZE,)


def test_what_is_written_to_the_disk_cache_can_be_read_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = PictureCache("disk", 1).room_for(SIZE, 16)
    kept[3] = 200
    assert (kept[3] == 200).all()
    assert not list(tmp_path.iterdir())


def test_memory_asked_for_by_name_is_refused_beyond_its_limit():
    with pytest.raises(UserError, match=r"cache=memory: 16 decoded pictures.*raise runtime.cache_gib"):
        PictureCache("memory", 1e-6).room_for(SIZE, 16)


def test_disk_asked_for_by_name_is_refused_where_there_is_not_enough():
    with pytest.raises(UserError, match=r"cache=disk.*free some space"):
        PictureCache("disk", 1).room_for(2**50, 2**30)


def test_nothing_is_kept_by_none_without_room_and_of_an_empty_table():
    assert PictureCache("none", 1).room_for(SIZE, 16) is None
    assert PictureCache("auto", ROOM_FOR_ONE).room_for(2**50, 2**30) is None
    assert PictureCache("disk", 1).room_for(0, 0) is None


def _decoded(table, kind, settings=SETTINGS[0]):
    return DecodedPictures(files_of(table), settings, PictureCache(kind, 1.0))


@each_method
@pytest.mark.parametrize("kind", ["memory", "disk", "none"])
def test_every_cache_gives_the_pixels_that_prediction_reads(tmp_path, kind, settings):
    table = draw_table(tmp_path, kind="jpg")
    pictures = _decoded(table, kind, settings)
    for _ in range(2):
        for row, path in enumerate(table["path"]):
            for found, wanted in zip(pictures[row], load(Path(path), settings), strict=True):
                assert np.array_equal(found, wanted)


@pytest.mark.parametrize(("kind", "still_there"), [("memory", True), ("disk", True), ("none", False)])
def test_a_kept_picture_is_not_read_again(tmp_path, kind, still_there):
    table = draw_table(tmp_path)
    pictures = _decoded(table, kind)
    pictures[0]
    Path(table["path"][0]).unlink()
    if still_there:
        assert pictures[0].pixels.shape == (*pictures.shape(0), 3)
    else:
        with pytest.raises(Unreadable):
            pictures[0]


def test_why_a_picture_could_not_be_read_is_kept(tmp_path):
    table = draw_table(tmp_path)
    Path(table["path"][2]).write_bytes(b"broken")
    pictures = _decoded(table, "memory")
    with pytest.raises(Unreadable):
        pictures[2]
    assert table["path"][2] in str(pictures.failure)


def test_a_picture_of_another_size_than_its_table_says_is_refused(tmp_path):
    table = draw_table(tmp_path)
    pictures = _decoded(table.assign(width="72"), "memory", native())
    with pytest.raises(UserError, match=r"000\.png has 64×48 .* says 72×48; build the tables anew"):
        pictures[0]
