import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.scoring.answers import called_fake
from pipeline.scoring.threshold import choose_threshold

probabilities = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])
labelled = st.lists(st.tuples(st.integers(0, 1), probabilities), min_size=2, max_size=40).filter(
    lambda rows: len({target for target, _ in rows}) == 2
)


def balanced_accuracy(target, probability, threshold):
    right = (np.array(probability) >= threshold) == (np.array(target) == 1)
    return (right[np.array(target) == 1].mean() + right[np.array(target) == 0].mean()) / 2


@given(labelled)
def test_no_other_threshold_is_better(rows):
    target, probability = zip(*rows, strict=True)
    chosen = choose_threshold(target, probability)
    others = [0.0, 1.0, *probability, *np.nextafter(probability, 1.0)]
    best = max(balanced_accuracy(target, probability, other) for other in others)
    assert balanced_accuracy(target, probability, chosen) >= best - 1e-12
    assert 0.0 <= chosen <= 1.0


@given(labelled, st.randoms())
def test_the_order_of_the_pictures_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert choose_threshold(*zip(*rows, strict=True)) == choose_threshold(*zip(*shuffled, strict=True))


def test_it_lies_midway_between_the_classes():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]) == pytest.approx(0.4)


def test_of_equally_good_ones_the_nearest_to_a_half_is_taken():
    # 0.15 and 0.45 both judge three of four right
    assert choose_threshold([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.5]) == pytest.approx(0.45)


def test_neighbouring_floats_are_told_apart():
    low, high = 0.5, np.nextafter(0.5, 1)
    chosen = choose_threshold([0, 1], [low, high])
    assert called_fake([low, high], chosen).tolist() == [False, True]


def test_a_picture_at_the_threshold_is_called_fake():
    assert called_fake([0.5], 0.5).all()


@pytest.mark.parametrize("target", [[1, 1], [0, 0]])
def test_one_class_alone_gives_no_threshold(target):
    with pytest.raises(UserError, match="both classes among the validation pictures"):
        choose_threshold(target, [0.1, 0.9])


def test_answers_that_are_no_numbers_are_refused():
    with pytest.raises(UserError, match="NaN or infinity for 1 of 2 pictures"):
        choose_threshold([0, 1], [0.1, float("nan")])
