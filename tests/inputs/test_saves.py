import io

import numpy as np
from PIL import Image

from pipeline.images.jpeg import libjpeg_tables, read_header
from pipeline.images.savings import Jpeg
from pipeline.inputs.saves import OwnSaves, draw_jpeg, saved
from tests.inputs.drawn import blotches


def _files(folder, qualities):
    paths = []
    for number, quality in enumerate(qualities):
        paths.append(folder / f"{quality}_{number}.jpg")
        Image.fromarray(blotches(number)).save(paths[-1], quality=quality)
    return paths


def test_saves_are_drawn_as_often_as_the_fakes_of_the_collection_have_them(tmp_path):
    own = OwnSaves({"one": _files(tmp_path, [70] * 6 + [90] * 2), "few": _files(tmp_path, [50])})
    rng = np.random.default_rng(0)
    tables = [own.draw(rng, "one").tables[0] for _ in range(400)]
    assert set(tables) == {libjpeg_tables(70)[0], libjpeg_tables(90)[0]}
    assert 0.7 < np.mean([table == libjpeg_tables(70)[0] for table in tables]) < 0.8


def test_a_collection_with_too_few_fakes_draws_from_all(tmp_path):
    own = OwnSaves({"one": _files(tmp_path, [70] * 6), "few": _files(tmp_path, [50])})
    tables = {own.draw(np.random.default_rng(seed), "few").tables[0] for seed in range(60)}
    assert tables == {libjpeg_tables(70)[0], libjpeg_tables(50)[0]}


def test_fakes_that_are_no_jpegs_are_imitated_without_loss(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path in paths:
        Image.fromarray(blotches(0)).save(path)
    save = OwnSaves({"one": paths}).draw(np.random.default_rng(0), "one")
    assert save is None
    loaded = saved(blotches(0), save)
    assert np.array_equal(loaded.pixels, blotches(0))
    assert not loaded.quantisation.any()


def test_what_is_saved_is_what_pillow_reads_of_it_and_comes_with_its_table():
    loaded = saved(blotches(1), Jpeg(60, "4:2:0"))
    content = io.BytesIO()
    Image.fromarray(blotches(1)).save(content, "JPEG", quality=60, subsampling="4:2:0")
    assert np.array_equal(loaded.pixels, np.array(Image.open(content)))
    assert np.array_equal(loaded.quantisation.ravel(), read_header(content.getvalue()).tables[0])


def test_any_jpeg_stays_within_the_qualities_asked_for():
    drawn = {draw_jpeg(np.random.default_rng(seed), (30, 34)).quality for seed in range(60)}
    assert drawn == {30, 31, 32, 33, 34}
