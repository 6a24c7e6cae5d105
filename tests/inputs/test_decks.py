import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.decks import Deck


@given(st.integers(1, 20), st.integers(0, 100), st.integers(0, 60))
def test_any_part_of_the_sequence_can_be_dealt_by_itself(rows, start, count):
    deck = Deck(np.arange(rows), seed=20, stream=1)
    assert np.array_equal(deck.deal(0, start + count)[start:], deck.deal(start, start + count))


def test_a_pass_holds_each_row_once_and_each_pass_is_shuffled_anew():
    dealt = Deck(np.arange(300, 305), seed=20, stream=1).deal(0, 100).reshape(20, 5)
    assert all(sorted(each) == list(range(300, 305)) for each in dealt.tolist())
    assert len({tuple(each) for each in dealt}) > 10


def test_decks_and_seeds_differ():
    dealt = {
        tuple(Deck(np.arange(30), seed, stream).deal(0, 30)) for seed, stream in [(1, 1), (1, 2), (2, 1)]
    }
    assert len(dealt) == 3


@given(st.integers(1, 12), st.integers(1, 40))
def test_a_large_group_is_held_to_half_and_all_of_it_comes_round(others, more):
    large = others + more
    groups = np.array(["large"] * large + [str(number) for number in range(others)])
    dealt = Deck(np.arange(large + others), 20, 1, groups).deal(0, 2 * others * large)
    times = np.bincount(dealt, minlength=large + others)
    assert times[:large].tolist() == [others] * large
    assert times[large:].tolist() == [large] * others
