import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.draws import uniforms

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
