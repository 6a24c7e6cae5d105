"""The table of real JPEG settings: what is drawn can be written, and comes out as it says."""

import io

import numpy as np
from PIL import Image

from pipeline.inputs.augment_crops import recompressed
from pipeline.inputs.real_saves import draw_real_save, real_saves
from tests.inputs.drawn import blotches


def test_every_setting_is_written_as_it_says():
    picture = Image.fromarray(blotches(1, 16, 16))
    for encoder in real_saves().encoders:
        with Image.open(io.BytesIO(encoder.save(b"", picture))) as saved:
            tables = [tuple(saved.quantization[number]) for number in (0, 1) if number in saved.quantization]
        assert tables[0] == encoder.tables[0]
        assert tables[-1] == encoder.tables[1]


def test_a_web_site_with_a_thousand_pictures_does_not_crowd_out_the_cameras():
    rng = np.random.default_rng(1)
    drawn = [draw_real_save(rng).words for _ in range(2_000)]
    commonest = max(drawn.count(words) for words in set(drawn))
    assert len(set(drawn)) > 200
    assert 20 < commonest < 200  # one of the two sites, and less than a tenth


def test_a_table_comes_along_with_what_is_saved():
    encoder = real_saves().encoders[5]
    saved = recompressed(blotches(2, 32, 32), encoder)
    assert saved.quantisation.ravel().tolist() == list(encoder.tables[0])
