import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from pipeline.models.layers import ErrorLevels


def _picture():
    """Smooth colours with some noise, up to the ends of the range."""
    generator = np.random.default_rng(0)
    smooth = gaussian_filter(generator.normal(0, 1, (64, 96, 3)), (5, 5, 0))
    values = 128 + 90 * smooth / smooth.std() + generator.normal(0, 4, smooth.shape)
    return np.clip(values, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("quality", [60, 90, 98])
def test_they_are_what_pillow_loses_in_a_save(quality):
    picture = _picture()
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    expected = np.abs(picture.astype(float) - np.asarray(Image.open(file), float))
    found = ErrorLevels(quality, gain=1)(picture[None].astype(np.float32)).numpy()[0]
    assert found.mean() == pytest.approx(expected.mean(), rel=0.03)
    assert (found == expected).mean() > 0.75
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.85


def test_the_gain_is_fixed_whatever_the_picture():
    picture = _picture()[None].astype(np.float32)
    plain, raised = ErrorLevels(90, 1)(picture).numpy(), ErrorLevels(90, 20)(picture).numpy()
    assert np.allclose(raised, 20 * plain)
    assert not ErrorLevels(90, 20)(np.full((1, 16, 16, 3), 128, np.float32)).numpy().any()


def test_an_impossible_quality_is_refused():
    with pytest.raises(ValueError, match="quality: found 0, expected 1 to 100"):
        ErrorLevels(0, 1)
