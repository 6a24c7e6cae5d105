import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.inputs.sampling import Permutations, Sampler, earlier_occurrences


@given(st.integers(1, 20), st.integers(0, 100), st.integers(0, 60))
def test_any_part_of_the_sequence_can_be_taken_by_itself(rows, start, count):
    sequence = Permutations(np.arange(rows), seed=20, stream=1)
    assert np.array_equal(sequence.part(0, start + count)[start:], sequence.part(start, start + count))


def test_a_pass_holds_each_row_once_and_each_pass_is_shuffled_anew():
    taken = Permutations(np.arange(300, 305), seed=20, stream=1).part(0, 100).reshape(20, 5)
    assert all(sorted(each) == list(range(300, 305)) for each in taken.tolist())
    assert len({tuple(each) for each in taken}) > 10


def test_sequences_and_seeds_differ():
    taken = {
        tuple(Permutations(np.arange(30), seed, stream).part(0, 30))
        for seed, stream in [(1, 1), (1, 2), (2, 1)]
    }
    assert len(taken) == 3


@given(st.integers(1, 12), st.integers(1, 40))
def test_a_large_group_is_held_to_half_and_all_of_it_comes_round(others, more):
    large = others + more
    groups = np.array(["large"] * large + [str(number) for number in range(others)])
    taken = Permutations(np.arange(large + others), 20, 1, groups).part(0, 2 * others * large)
    times = np.bincount(taken, minlength=large + others)
    assert times[:large].tolist() == [others] * large
    assert times[large:].tolist() == [large] * others


def _targets(genuine, fake):
    return np.repeat([0, 1], [genuine, fake])


def _rows(sampler, epochs):
    return np.concatenate([batch.rows for epoch in range(epochs) for batch in sampler.plan(epoch)])


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 16), st.integers(0, 5))
def test_without_a_fraction_each_picture_comes_once_an_epoch(genuine, fake, batch_size, epoch):
    sampler = Sampler(_targets(genuine, fake), batch_size, None, seed=20)
    plan = sampler.plan(epoch)
    assert sorted(np.concatenate([batch.rows for batch in plan])) == list(range(genuine + fake))
    assert len(plan) == sampler.steps
    assert sampler.images_per_epoch == genuine + fake
    assert not any(batch.occurrences.any() for batch in plan)


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 16), st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0])
)
def test_the_share_of_fakes_is_as_asked_whatever_the_sizes_of_the_classes(genuine, fake, batch_size, share):
    targets = _targets(genuine, fake)
    sampler = Sampler(targets, batch_size, share, seed=20)
    batches = [batch.rows for epoch in range(3) for batch in sampler.plan(epoch)]
    assert {len(rows) for rows in batches} == {batch_size}
    fakes = np.array([targets[rows].sum() for rows in batches])
    assert (np.abs(fakes - share * batch_size) < 1).all()
    assert abs(fakes.sum() - share * batch_size * len(batches)) <= 0.5 + 1e-9


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_no_picture_of_a_class_comes_twice_more_often_than_another(genuine, fake, batch_size):
    targets = _targets(genuine, fake)
    rows = _rows(Sampler(targets, batch_size, 0.5, seed=20), epochs=4)
    times = np.bincount(rows, minlength=len(targets))
    for target in (0, 1):
        assert np.ptp(times[targets == target]) <= 1


def test_epochs_and_seeds_differ_and_the_same_ones_agree():
    def first(seed, epoch):
        return _rows_of(Sampler(_targets(30, 30), 8, 0.5, seed), epoch)

    assert first(20, 0) == first(20, 0)
    assert first(20, 0) != first(20, 1)
    assert first(20, 0) != first(21, 0)


def _rows_of(sampler, epoch):
    return np.concatenate([batch.rows for batch in sampler.plan(epoch)]).tolist()


def test_the_place_in_a_batch_does_not_tell_the_class():
    targets = _targets(500, 500)
    batches = np.array([batch.rows for batch in Sampler(targets, 10, 0.5, seed=20).plan(0)])
    share_by_place = targets[batches].mean(axis=0)
    assert share_by_place.min() > 0.3
    assert share_by_place.max() < 0.7


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_occurrences_count_how_often_a_row_came_before(rows):
    counted = [rows[:place].count(row) for place, row in enumerate(rows)]
    assert earlier_occurrences(np.array(rows)).tolist() == counted


@pytest.mark.parametrize(
    ("genuine", "fake", "share", "missing"),
    [(5, 0, 0.5, "fake"), (0, 5, 0.5, "genuine"), (0, 0, None, "genuine or fake")],
)
def test_a_class_that_is_to_be_drawn_must_not_be_empty(genuine, fake, share, missing):
    with pytest.raises(UserError, match=f"no {missing} picture.*train.fake_fraction"):
        Sampler(_targets(genuine, fake), 4, share, seed=20)


def test_fakes_alone_need_no_genuine_pictures():
    assert Sampler(_targets(0, 5), 4, 1.0, seed=20).steps == 2


def test_more_views_show_each_picture_as_much_more_often():
    sampler = Sampler(_targets(6, 6), 4, None, seed=20, views=5)
    assert np.bincount(_rows(sampler, 1)).tolist() == [5] * 12
    assert sampler.images_per_epoch == 60
    occurrences = [occurrence for batch in sampler.plan(0) for occurrence in batch.occurrences]
    assert sorted(occurrences) == sorted([*range(5)] * 12)


@given(st.integers(2, 30), st.integers(1, 30), st.integers(2, 16), st.sampled_from([0.25, 0.5, 1.0]))
def test_twins_come_in_pairs_of_one_genuine_row_and_keep_the_share_of_fakes(genuine, fake, batch_size, twins):
    targets = _targets(genuine, fake)
    sampler = Sampler(targets, batch_size, 0.5, seed=20, twins=twins)
    for batch in sampler.plan(1):
        keys = list(zip(batch.rows, batch.occurrences, strict=True))
        made = sorted(key for key, tampered in zip(keys, batch.tampered, strict=True) if tampered)
        kept = sorted(
            key
            for key, twin, tampered in zip(keys, batch.twinned, batch.tampered, strict=True)
            if twin > tampered
        )
        assert made == kept
        assert not targets[batch.rows[batch.twinned]].any()
        fakes = targets[batch.rows].sum() + batch.tampered.sum()
        assert abs(fakes - batch_size / 2) < 1
        assert 2 * len(made) <= twins * batch_size + 1


def test_twins_need_a_share_of_fakes():
    with pytest.raises(UserError, match=r"inputs.augment.tamper=0.5 .* set train.fake_fraction=0.5"):
        Sampler(_targets(5, 5), 4, None, seed=20, twins=0.5)


def test_a_group_that_holds_most_of_a_class_makes_half_of_what_is_drawn_of_it():
    targets = _targets(100, 20)
    groups = np.array(["large"] * 80 + [str(number) for number in range(40)])
    rows = _rows(Sampler(targets, 10, 0.5, seed=20, groups=groups, views=8), 1)
    genuine = rows[targets[rows] == 0]
    assert np.mean(genuine < 80) == pytest.approx(0.5, abs=0.05)
    times = np.bincount(genuine, minlength=100)
    assert np.ptp(times[:80]) <= 1
    assert np.ptp(times[80:]) <= 1


def test_where_one_group_is_all_there_is_it_is_drawn():
    rows = _rows(Sampler(_targets(6, 6), 4, 0.5, seed=20, groups=np.array(["one"] * 12)), 1)
    assert set(rows) == set(range(12))


# Background: genuine pictures that are shown as twins only.


def _with_background(genuine, fake, background, **settings):
    targets = np.concatenate([_targets(genuine, fake), np.zeros(background)])
    mask = np.arange(len(targets)) >= genuine + fake
    return Sampler(targets, 16, 0.5, 20, background=mask, **settings), mask


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40))
def test_background_pictures_come_as_twins_alone_and_each_as_often_as_another(genuine, fake, background):
    sampler, mask = _with_background(genuine, fake, background, twins=0.5, views=8)
    hosts = []
    for epoch in range(4):
        for plan in sampler.plan(epoch):
            assert plan.twinned[mask[plan.rows]].all()
            assert plan.twinned.sum() == 2 * plan.tampered.sum() == 8
            hosts += plan.rows[plan.tampered].tolist()
    times = np.bincount(hosts, minlength=len(mask))
    times = times[np.arange(len(mask)) < genuine].tolist() + times[mask].tolist()
    assert max(times) - min(times) <= 1


def test_where_twins_fill_the_batches_no_other_fake_is_needed():
    sampler, _ = _with_background(0, 0, 5, twins=1.0)
    (plan,) = sampler.plan(0)
    assert plan.twinned.all()
    assert plan.tampered.sum() == 8
    with pytest.raises(UserError, match="no fake picture"):
        _with_background(0, 0, 5, twins=0.5)


def test_pictures_of_the_table_are_all_that_is_shown_where_the_share_is_left_to_chance():
    sampler = Sampler(np.array([0, 1, 0, 0]), 2, None, 20, background=np.array([False, False, True, True]))
    assert sorted(row for plan in sampler.plan(0) for row in plan.rows) == [0, 1]
    assert sampler.images_per_epoch == 2
