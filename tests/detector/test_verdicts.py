"""How a detector goes through pictures: any number of threads gives the same answers, few pictures wait."""

import numpy as np
import pytest
from PIL import Image

from pipeline.detector import detector as module
from pipeline.detector.detector import Detector
from tests.detector.small_detector import write_detector
from tests.images.pictures import draw_photo


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("detector") / "models")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of several sizes and formats; the third is none."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / name for name in ("a.jpg", "b.png", "c.jpg", "d.jpg", "e.png")]
    for number, path in enumerate(paths):
        Image.fromarray(draw_photo(160 + 8 * number, 240, seed=number)).save(path)
    paths[2].write_bytes(b"no picture")
    return paths


def test_one_thread_and_several_give_the_same(models, pictures):
    one, two = (list(Detector.load(models, threads=n).verdicts(pictures)) for n in (1, 2))
    assert [each.said for each in one] == [each.said for each in two]
    assert [each.said["error"] is None for each in one] == [True, True, False, True, True]
    for alone, beside in zip(one, two, strict=True):
        assert alone.findings.keys() == beside.findings.keys()
        for name, finding in alone.findings.items():
            assert np.array_equal(finding.statistic, beside.findings[name].statistic, equal_nan=True)
            assert finding.words == beside.findings[name].words


@pytest.mark.parametrize(("together", "held", "reads"), [(1, 10**9, 1), (32, 10**9, 5), (32, 60_000, 2)])
def test_no_more_pictures_wait_than_are_of_use(models, pictures, monkeypatch, together, held, reads):
    taken = []
    detector = Detector.load(models, threads=2)
    monkeypatch.setattr(detector._scorer, "together", together)
    monkeypatch.setattr(module, "_HELD", held)
    whole = [each.said for each in detector.verdicts(pictures)]
    answers = detector.verdicts(taken.append(each) or each for each in pictures)
    first = next(answers)
    assert len(taken) == reads
    assert [first.said, *(each.said for each in answers)] == whole
