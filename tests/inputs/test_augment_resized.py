import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import ResizedAugment
from pipeline.inputs.augment_resized import (
    apply_transform,
    draw_transforms,
    is_identity,
    transforms,
    uniforms,
)
from tests.inputs.drawn import CLASSIC, PLAIN, blotches


def _applied(image, angle=0.0, right=0.0, down=0.0, flip=False):
    shape = image.shape[:2]
    one = [np.array([each]) for each in (np.deg2rad(angle), right, down, flip)]
    out = np.empty_like(image)
    apply_transform(image, transforms(*one, shape)[0], out)
    return out


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")  # of Keras
@pytest.mark.parametrize(
    ("angle", "right", "down", "flip"),
    [(0, 0, 0, False), (13, 0, 0, False), (0, 7.4, -3.1, False), (0, 0, 0, True), (-19, 9.9, -12.2, True)],
)
def test_it_makes_the_same_picture_as_image_data_generator(angle, right, down, flip):
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    image = blotches(0, 64, 64).astype(np.float32)
    # Its tx, said to be the shift along the height, moves along the width; only equal for square images.
    asked = {"theta": angle, "tx": right, "ty": down, "flip_horizontal": flip}
    wanted = ImageDataGenerator().apply_transform(image, asked)
    assert np.abs(_applied(image, angle, right, down, flip) - wanted).max() < 0.5


def test_a_shift_by_whole_pixels_moves_the_content_and_repeats_the_border():
    image = blotches(1, 12, 20).astype(np.float32)
    shifted = _applied(image, right=3, down=2)
    assert np.allclose(shifted[:-2, :-3], image[2:, 3:], atol=1e-3)
    assert np.allclose(shifted[:-2, -3:], image[2:, -1:], atol=1e-3)


def test_a_quarter_turn_of_a_wide_picture_turns_about_its_centre():
    image = np.zeros((5, 9, 3), np.float32)
    image[2, 6] = 1
    assert np.argwhere(_applied(image, angle=90)[..., 0] > 0.9).tolist() == [[0, 4]]


def test_flipping_swaps_left_and_right_exactly():
    image = blotches(2, 9, 14).astype(np.float32)
    assert np.array_equal(_applied(image, flip=True), image[:, ::-1])


def _draw(augment, epoch=0, n=400, shape=(100, 50)):
    return draw_transforms(augment, shape, 20, epoch, np.arange(n), np.zeros(n, int))


def test_one_seed_gives_one_set_of_transforms_and_each_epoch_another():
    assert np.array_equal(_draw(CLASSIC), _draw(CLASSIC))
    assert not np.array_equal(_draw(CLASSIC), _draw(CLASSIC, epoch=1))


def test_shifts_use_their_limits_and_stay_within():
    only_right = ResizedAugment(width_shift=0.2)
    matrices = _draw(only_right)
    assert np.allclose(matrices[:, :, :2], np.eye(2))
    assert 9.8 < np.abs(matrices[:, 0, 2]).max() <= 10
    assert np.allclose(matrices[:, 1, 2], 0)


def test_angles_use_their_limits_and_stay_within():
    only_turned = ResizedAugment(rotation=20.0)
    angles = np.rad2deg(np.arcsin(_draw(only_turned)[:, 1, 0]))
    assert 19.8 < np.abs(angles).max() <= 20.0001


def test_half_of_the_pictures_are_flipped():
    only_flipped = ResizedAugment(horizontal_flip=True)
    assert 0.4 < (_draw(only_flipped)[:, 0, 0] < 0).mean() < 0.6


def test_everything_off_changes_nothing():
    assert is_identity(PLAIN)
    assert not is_identity(CLASSIC)
    assert np.allclose(_draw(PLAIN), [[1, 0, 0], [0, 1, 0]])


numbers = st.integers(0, 2**31 - 1)


@given(numbers, numbers, st.lists(numbers, min_size=1, max_size=20))
def test_a_picture_gets_the_same_numbers_in_any_company(seed, epoch, pictures):
    together = uniforms(seed, epoch, np.array(pictures), np.zeros(len(pictures), int), 4)
    alone = [uniforms(seed, epoch, np.array([each]), np.array([0]), 4)[0] for each in pictures]
    assert np.array_equal(together, alone)


@given(numbers, numbers, numbers)
def test_numbers_lie_in_the_unit_interval(seed, epoch, picture):
    drawn = uniforms(seed, epoch, np.array([picture]), np.array([0]), 64)
    assert ((drawn >= 0) & (drawn < 1)).all()


def test_seed_epoch_picture_and_occurrence_each_change_the_numbers():
    keys = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (0, 0, 0, 0)]
    drawn = {tuple(uniforms(seed, epoch, np.array([p]), np.array([o]), 4)[0]) for seed, epoch, p, o in keys}
    assert len(drawn) == len(keys)


def test_numbers_are_uniform_and_independent_across_neighbouring_keys():
    n = 200_000
    drawn = uniforms(20, 3, np.arange(n), np.zeros(n, int), 4)
    counts = [np.histogram(column, 50, (0, 1))[0] for column in drawn.T]
    chi_square = [((count - n / 50) ** 2 / (n / 50)).sum() for count in counts]
    assert max(chi_square) < 95  # 49 degrees of freedom: 1 in 10,000
    correlation = np.corrcoef(np.hstack([drawn[1:], drawn[:-1]]).T) - np.eye(8)
    assert np.abs(correlation).max() < 0.01
