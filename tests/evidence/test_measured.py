"""The specialists' numbers of pictures: the same on any number of cores, from a table as from the files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.errors import UserError
from pipeline.evidence.measured import (
    measure_files,
    measured_of,
    read_measured,
    reference_measured,
    write_measured,
)
from pipeline.evidence.panel import COLUMNS, MEASURES, SPECIALISTS, look, numbers_of
from pipeline.images.read import read
from tests.images.pictures import draw_photo, encoded, on_cores


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(10):
        kind, options = ("jpg", {"quality": 60 + 4 * number}) if number % 2 else ("png", {})
        picture = Image.fromarray(draw_photo(64 + 8 * number, 96, seed=number))
        picture.save(folder / f"{number}.{kind}", **options)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return [str(folder / name) for name in ("3.jpg", "broken.jpg", *(f"{n}.png" for n in (8, 0, 2, 4, 6)))]


@pytest.fixture(scope="module")
def measured(paths):
    return measure_files(paths, on_cores(1), "measure")


def test_each_file_has_a_row_in_order_and_a_broken_one_says_why(paths, measured):
    assert measured.index.tolist() == paths
    assert list(measured) == [*COLUMNS, "error"]
    assert (measured["error"] != "").tolist() == [False, True] + [False] * 5
    assert "no picture of a supported format" in measured["error"].iloc[1]
    assert measured[COLUMNS].iloc[1].isna().all()
    assert measured["height"].tolist()[2:] == [128, 64, 80, 96, 112]


def test_a_row_holds_what_the_specialists_say_of_the_picture(paths, measured):
    picture = read(Path(paths[0]))
    findings = look(picture)
    assert list(findings) == list(SPECIALISTS)
    wanted = numbers_of(picture, findings)
    assert measured[COLUMNS].iloc[0].to_dict() == pytest.approx(wanted, nan_ok=True)
    assert measured["jpeg_quality"].iloc[0] == 72


def test_processes_measure_the_same(paths, measured):
    pd.testing.assert_frame_equal(measure_files(paths * 2, on_cores(2), "measure")[: len(paths)], measured)


def test_of_no_files_there_are_no_rows():
    nothing = measure_files([], on_cores(1), "measure")
    assert list(nothing) == [*COLUMNS, "error"]
    assert nothing.empty
    assert set(nothing[COLUMNS].dtypes.astype(str)) == {"float64"}


def test_a_table_holds_all_of_it_and_gives_the_rows_that_are_asked_for(paths, measured, tmp_path):
    write_measured(tmp_path / "measured.csv", measured)
    again = read_measured(tmp_path / "measured.csv")
    pd.testing.assert_frame_equal(again, measured[COLUMNS].astype(float), check_exact=True)
    asked = [paths[4], paths[0]]
    assert measured_of(asked, again).index.tolist() == asked
    with pytest.raises(UserError, match=r"x\.png was not measured; .*python -m pipeline\.measure"):
        measured_of(["x.png"], again)


def test_a_table_that_is_missing_broken_or_of_other_specialists_says_how_to_make_it(measured, tmp_path):
    path = tmp_path / "measured.csv"
    with pytest.raises(UserError, match=r"measured\.csv is not there; .*python -m pipeline\.measure"):
        read_measured(path)
    write_measured(path, measured)
    fewer = pd.read_csv(path).drop(columns=list(SPECIALISTS)[-1])
    for content in (fewer.to_csv(index=False), "\0", "path,width\na,wide\n"):
        path.write_text(content)
        with pytest.raises(UserError, match=r"measured\.csv is broken, or another version wrote it"):
            read_measured(path)


def test_a_picture_that_shows_nothing_has_no_detail():
    flat, half = np.full((64, 64, 3), 200, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    half[:32] = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    for pixels, detail in ((flat, 0.0), (half, 0.5), (flat[:5], 0.0)):
        assert numbers_of(read(encoded(pixels, "PNG")), {})["detail"] == detail


def test_the_photographs_that_come_as_numbers_have_every_column():
    known = reference_measured()
    assert list(known) == COLUMNS
    assert (known[list(MEASURES[:2])] > 0).all().all()
