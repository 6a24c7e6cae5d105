"""The sample as a folder."""

import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import Sample
from pipeline.errors import UserError
from pipeline.forgery.camera import CAMERAS
from pipeline.forgery.sample_pictures import draw_sample, take_photograph, tamper
from pipeline.forgery.sample_plan import (
    EDITORS,
    decoded,
    plan_sample,
    save_camera_jpeg,
    save_editor_jpeg,
    save_lossless,
    save_mask,
)

SETTINGS = Sample(genuine=13, fake=16, width=96, height=64)
SEED = 5
SOURCE = re.compile(r"(?<![A-Za-z])([a-z]{3})_?([0-9]{5})")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample") / "sample"
    draw_sample(folder, SETTINGS, SEED, workers=1)
    return folder


def content(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_it_holds_what_was_asked_for_and_nothing_else(drawn):
    names = list(content(drawn))
    assert sum(name.startswith("genuine/") for name in names) == 13
    assert sum(name.startswith("fake/") for name in names) == 16
    assert sum(name.startswith("masks/") for name in names) == 16
    assert len(names) == 45
    assert [path.name for path in drawn.parent.iterdir()] == ["sample"]


def test_two_workers_write_the_same_bytes_as_one(drawn, tmp_path):
    draw_sample(tmp_path / "sample", SETTINGS, SEED, workers=2)
    assert content(tmp_path / "sample") == content(drawn)


def test_another_seed_gives_other_pictures_and_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "sample"
    few = Sample(genuine=4, fake=4, width=64, height=64)
    draw_sample(folder, few, 1, workers=1)
    first = content(folder)
    (folder / "genuine" / "mine.jpg").touch()
    draw_sample(folder, few, 2, workers=1)
    second = content(folder)
    assert len(first) == len(second) == 12
    assert not set(first.values()) & set(second.values())


def test_names_carry_the_sources_as_those_of_casia_do(drawn):
    genuine = {"".join(SOURCE.findall(path.stem)[0]) for path in (drawn / "genuine").iterdir()}
    assert len(genuine) == 13
    for path in (drawn / "fake").iterdir():
        assert re.fullmatch(r"Tp_[DS]_[CN][RN][EN]_[SML]_[BN]_[a-z]{3}\d{5}_[a-z]{3}\d{5}_\d{5}", path.stem)
        host, donor = ("".join(found) for found in SOURCE.findall(path.stem))
        assert (host != donor) == path.stem.startswith("Tp_D_")


def test_formats_are_what_their_endings_say_in_both_classes(drawn):
    for label in ("genuine", "fake"):
        formats = set()
        for path in (drawn / label).iterdir():
            with Image.open(path) as picture:
                assert picture.mode == "RGB"
                formats.add((path.suffix, picture.format))
        assert formats == {(".jpg", "JPEG"), (".png", "PNG"), (".tif", "TIFF")}


def test_every_fake_has_a_mask_of_its_size_in_black_and_white(drawn):
    for path in (drawn / "fake").iterdir():
        with Image.open(path) as picture, Image.open(drawn / "masks" / f"{path.stem}.png") as mask:
            assert mask.size == picture.size
            values = np.unique(np.asarray(mask))
            assert values.tolist() == [0, 255]


def test_a_losslessly_saved_fake_is_its_host_outside_the_mask(drawn):
    fakes = [
        fake for here in plan_sample(SETTINGS, SEED) for fake in here.fakes if fake.save in ("png", "tif")
    ]
    assert fakes
    for fake in fakes:
        (path,) = (drawn / "fake").glob(f"*_{fake.number:05d}.*")
        host = take_photograph(fake.host, SEED).pixels
        with Image.open(path) as picture, Image.open(drawn / "masks" / f"{path.stem}.png") as mask:
            untouched = np.asarray(mask) == 0
            assert np.array_equal(np.asarray(picture)[untouched], host[untouched])


def test_a_fake_does_not_depend_on_what_else_is_drawn():
    fake = plan_sample(SETTINGS, SEED)[0].fakes[0]
    host, donor = take_photograph(fake.host, SEED), take_photograph(fake.donor, SEED)
    assert np.array_equal(tamper(fake, host, donor, SEED).pixels, tamper(fake, host, donor, SEED).pixels)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/sample"):
        draw_sample(tmp_path / "file" / "sample", SETTINGS, SEED, workers=1)


def test_when_drawing_is_stopped_the_earlier_sample_stays(tmp_path, monkeypatch):
    folder = tmp_path / "sample"
    (folder / "genuine").mkdir(parents=True)
    (folder / "genuine" / "earlier.jpg").write_text("earlier")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.forgery.sample_pictures.draw_neighbourhood", stop)
    with pytest.raises(KeyboardInterrupt):
        draw_sample(folder, SETTINGS, SEED, workers=1)
    assert list(content(tmp_path)) == ["sample/genuine/earlier.jpg"]


# What cameras and editors write.
#


def test_lossless_files_give_the_pixels_back(photographs):
    pixels = photographs[0].pixels
    for ending in ("png", "tif"):
        for editor in EDITORS:
            assert np.array_equal(decoded(save_lossless(pixels, ending, editor)), pixels)


def test_every_camera_and_editor_has_jpeg_tables_of_its_own(photographs):
    pixels = photographs[0].pixels
    files = [save_camera_jpeg(pixels, camera) for camera in CAMERAS]
    files += [save_editor_jpeg(pixels, editor) for editor in EDITORS]
    tables = {str(Image.open(io.BytesIO(file)).quantization) for file in files}
    assert len(tables) == len(CAMERAS) + len(EDITORS)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.name)
def test_a_camera_names_itself_and_uses_its_subsampling(photographs, camera):
    with Image.open(io.BytesIO(save_camera_jpeg(photographs[0].pixels, camera))) as picture:
        assert picture.getexif()[0x0131] == camera.name
        across, down = picture.layer[0][1:3]
    assert (across, down) == {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[camera.subsampling]


def test_a_mask_is_a_png_of_0_and_255():
    mask = np.eye(9, 12, dtype=bool)
    with Image.open(io.BytesIO(save_mask(mask))) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        assert np.array_equal(np.asarray(picture), np.where(mask, 255, 0))
