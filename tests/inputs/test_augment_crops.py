import io

import numpy as np
import pytest
from PIL import Image

from pipeline.images.encode import Jpeg
from pipeline.images.jpeg import libjpeg_tables, read_header
from pipeline.inputs.augment_crops import (
    LastSaves,
    ScaleBlurSave,
    draw_jpeg,
    draw_perturbation,
    recompressed,
    saved_before,
)
from pipeline.inputs.load import load
from tests.images.pictures import turned_by
from tests.inputs.drawn import augment, blotches, native

ALL = [draw_perturbation(np.random.default_rng(seed), augment()) for seed in range(600)]


def test_it_stays_within_the_configured_limits_and_uses_them():
    scales = np.array([each.scale for each in ALL])
    blurs = np.array([each.blur for each in ALL])
    qualities = np.array([each.encoder.quality for each in ALL if each.encoder])
    assert 0.7 <= scales.min() < 0.72
    assert 1.37 < scales.max() <= 1.4
    assert 2.9 < blurs.max() <= 3.0
    assert qualities.min() < 33
    assert qualities.max() > 97
    assert 0.25 < np.mean([each.encoder is None for each in ALL]) < 0.35


def test_a_window_of_the_source_size_gives_a_picture_of_the_wanted_size_at_least():
    for perturbation in ALL:
        height, width = perturbation.source_size((64, 96))
        made = perturbation.apply(blotches(0, height, width)).pixels
        assert made.shape[0] >= 64 - 8
        assert made.shape[1] >= 96 - 8
        assert all(side % 8 == 0 for side in made.shape[:2])


@pytest.mark.parametrize("side", [8, 12, 15, 16])
@pytest.mark.parametrize("scale", [0.6, 0.83, 1.4])
def test_masks_of_very_small_pictures_follow_them_too(side, scale):
    perturbation = ScaleBlurSave(scale=scale)
    followed = perturbation.follow(np.ones((side, 128), bool))
    assert followed.shape == perturbation.apply(blotches(0, side, 128)).pixels.shape[:2]
    assert followed.all()


def test_a_mask_follows_its_picture():
    perturbation = ScaleBlurSave(scale=0.75)
    mask = np.zeros((64, 96), bool)
    mask[:32] = True
    followed = perturbation.follow(mask)
    assert followed.shape == perturbation.apply(blotches(0, 64, 96)).pixels.shape[:2]
    assert abs(followed.mean() - 0.5) < 0.02


def test_nothing_asked_for_changes_nothing():
    assert np.array_equal(ScaleBlurSave().apply(blotches(1)).pixels, blotches(1))
    assert not np.array_equal(ScaleBlurSave(encoder=Jpeg(50, "4:2:0")).apply(blotches(1)).pixels, blotches(1))


def _files(folder, qualities):
    paths = []
    for number, quality in enumerate(qualities):
        paths.append(folder / f"{quality}_{number}.jpg")
        Image.fromarray(blotches(number)).save(paths[-1], quality=quality)
    return paths


def test_saves_are_drawn_as_often_as_the_fakes_of_the_collection_have_them(tmp_path):
    own = LastSaves({"one": _files(tmp_path, [70] * 6 + [90] * 2), "few": _files(tmp_path, [50])})
    rng = np.random.default_rng(0)
    tables = [own.draw(rng, "one").tables[0] for _ in range(400)]
    assert set(tables) == {libjpeg_tables(70)[0], libjpeg_tables(90)[0]}
    assert 0.7 < np.mean([table == libjpeg_tables(70)[0] for table in tables]) < 0.8


def test_a_collection_with_too_few_fakes_draws_from_all(tmp_path):
    own = LastSaves({"one": _files(tmp_path, [70] * 6), "few": _files(tmp_path, [50])})
    tables = {own.draw(np.random.default_rng(seed), "few").tables[0] for seed in range(60)}
    assert tables == {libjpeg_tables(70)[0], libjpeg_tables(50)[0]}


def test_fakes_that_are_shown_turned_are_imitated_as_they_are_loaded(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(6)]
    for path in paths:
        Image.fromarray(blotches(0)).save(path, quality=70, exif=turned_by(6))
    encoder = LastSaves({"one": paths}).draw(np.random.default_rng(0), "one")
    wanted = load(paths[0], native()).quantisation
    assert np.array_equal(recompressed(blotches(0), encoder).quantisation, wanted)
    for path in paths:  # turned, it has rows of colours halved, which Pillow cannot write: it says nothing
        Image.fromarray(blotches(0)).save(path, quality=70, subsampling="4:2:2", exif=turned_by(6))
    assert LastSaves({"one": paths}).draw(np.random.default_rng(0), "one") is None


def test_fakes_that_are_no_jpegs_are_imitated_without_loss(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.fromarray(blotches(0)).save(path)
    encoder = LastSaves({"one": paths}).draw(np.random.default_rng(0), "one")
    assert encoder is None
    loaded = recompressed(blotches(0), encoder)
    assert np.array_equal(loaded.pixels, blotches(0))
    assert not loaded.quantisation.any()


def test_what_is_saved_is_what_pillow_reads_of_it_and_comes_with_its_table():
    loaded = recompressed(blotches(1), Jpeg(60, "4:2:0"))
    content = io.BytesIO()
    Image.fromarray(blotches(1)).save(content, "JPEG", quality=60, subsampling="4:2:0")
    assert np.array_equal(loaded.pixels, np.array(Image.open(content)))
    assert np.array_equal(loaded.quantisation.ravel(), read_header(content.getvalue()).tables[0])


def test_any_jpeg_stays_within_the_qualities_asked_for():
    drawn = {draw_jpeg(np.random.default_rng(seed), (30, 34)).quality for seed in range(60)}
    assert drawn == {30, 31, 32, 33, 34}


# Chains of saves, grain, histories.


def test_a_picture_that_goes_on_to_a_web_site_is_of_the_wanted_size_and_its_mask_follows():
    drawn = [
        draw_perturbation(np.random.default_rng(seed), augment(chains=1.0, noise=6.0)) for seed in range(100)
    ]
    assert {each.then.encoder.subsampling for each in drawn} == {"4:2:0"}
    assert 0.2 < np.mean([each.noise > 0 for each in drawn]) < 0.4
    for each in drawn:
        height, width = each.source_size((64, 96))
        made = each.apply(blotches(0, height, width))
        assert made.pixels.shape[0] >= 64 - 16
        assert made.pixels.shape[1] >= 96 - 16
        assert made.quantisation.any()
        assert each.follow(np.ones((height, width), bool)).shape == made.pixels.shape[:2]


def test_two_twins_have_the_same_grain_and_others_another():
    grey = np.full((32, 32, 3), 128, np.uint8)
    one, same, other = (ScaleBlurSave(noise=4.0, noise_seed=seed).apply(grey).pixels for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert 3.5 < one.std() < 4.5


def test_what_was_saved_before_has_blocks_of_its_own_size_and_often_another_grid():
    grain = np.random.default_rng(0).integers(0, 256, (72, 72, 3), np.uint8)
    made = [saved_before(np.random.default_rng(seed), grain, (64, 64)) for seed in range(40)]
    assert {each.shape for each in made} == {(64, 64, 3)}
    corners = [np.abs(each.astype(int) - grain[:64, :64]).mean() for each in made]
    assert 0.3 < np.mean(np.array(corners) > 60) < 0.9  # of noise, shifted, nothing agrees


def test_background_pictures_are_saved_in_many_ways_of_real_files():
    saves, rng = LastSaves({}, {"mine"}), np.random.default_rng(0)
    drawn = [saves.draw(rng, "mine") for _ in range(300)]
    assert 0.08 < np.mean([each is None for each in drawn]) < 0.22
    assert len(set(drawn)) > 80
