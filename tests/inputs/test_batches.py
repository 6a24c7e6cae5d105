import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from pipeline.inputs.batches import BatchMaker, ordered_batches, training_batches
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.load import load
from tests.inputs.drawn import CLASSIC, PLAIN, draw_table, native, resized, training


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return draw_table(tmp_path_factory.mktemp("pictures"))


def _training(table, augment=CLASSIC, batch_size=4, fake_fraction=0.5, **changes):
    settings = {"seed": 20, "cache": PictureCache("memory", 1.0)} | changes
    return training_batches(table, resized(augment=augment), training(batch_size, fake_fraction), **settings)


def _native(table, **changes):
    settings = {"seed": 20, "cache": PictureCache("memory", 1.0), "policy": "matched"} | changes
    return training_batches(table, native(views=4), training(8, 0.5), **settings)


def _ordered(table, settings):
    return ordered_batches(table, settings, 5, PictureCache("auto", 1.0))


def _batches(made, count):
    return [
        (inputs["image"].numpy(), targets["logit"].numpy())
        for inputs, targets, _ in itertools.islice(made.dataset, count)
    ]


def _same(some, others):
    return len(some) == len(others) and all(
        np.array_equal(a, b)
        for one, other in zip(some, others, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def _scaled(table):
    return np.stack([load(Path(each), resized()).pixels for each in table["path"]]) * np.float32(1 / 255)


def test_validation_is_only_rescaled_and_in_the_order_of_the_table(table):
    made = _ordered(table, resized())
    batches = _batches(made, 99)
    assert [len(images) for images, _ in batches] == [5, 5, 2]
    assert np.array_equal(np.concatenate([images for images, _ in batches]), _scaled(table))
    assert np.array_equal(np.concatenate([targets for _, targets in batches]), table["target"])
    assert (made.steps, made.images_per_epoch) == (3, 12)


def test_an_epoch_of_training_without_augmentation_shows_each_picture_as_it_is(table):
    made = _training(table, PLAIN, fake_fraction=None, batch_size=5)
    batches = _batches(made, made.steps)
    shown = np.concatenate([images for images, _ in batches])
    assert {each.tobytes() for each in shown} == {each.tobytes() for each in _scaled(table)}


def test_images_are_float32_with_the_targets_of_their_pictures(table):
    made = _training(table, PLAIN)
    by_image = {each.tobytes(): target for each, target in zip(_scaled(table), table["target"], strict=True)}
    for images, targets in _batches(made, made.steps):
        assert images.dtype == targets.dtype == np.float32
        assert [by_image[each.tobytes()] for each in images] == targets.tolist()


def test_two_runs_with_one_seed_get_the_same_batches_over_epochs(table):
    assert _same(_batches(_training(table), 9), _batches(_training(table), 9))


def test_another_seed_gets_others(table):
    assert not _same(_batches(_training(table), 3), _batches(_training(table, seed=21), 3))


def test_each_epoch_is_augmented_anew(table):
    made = _training(table, fake_fraction=None, batch_size=12)
    first, second = _batches(made, 2)
    assert not {each.tobytes() for each in first[0]} & {each.tobytes() for each in second[0]}


def test_a_picture_that_comes_twice_in_an_epoch_is_augmented_twice(tmp_path):
    made = _training(draw_table(tmp_path, genuine=1, fake=1), batch_size=8)
    ((images, _),) = _batches(made, 1)
    assert len({each.tobytes() for each in images}) == 8


def test_training_can_begin_at_a_later_epoch(table):
    steps = _training(table).steps
    assert _same(
        _batches(_training(table), 3 * steps)[2 * steps :], _batches(_training(table, first_epoch=2), steps)
    )


@pytest.mark.parametrize("kind", ["none", "disk"])
def test_the_cache_changes_no_batch(table, kind):
    assert _same(_batches(_training(table), 9), _batches(_training(table, cache=PictureCache(kind, 1.0)), 9))


def test_an_unreadable_picture_ends_training_and_its_reason_is_kept(tmp_path):
    table = draw_table(tmp_path)
    Path(table["path"][3]).write_bytes(b"broken")
    made = _training(table, fake_fraction=None)
    with pytest.raises(tf.errors.OpError):
        _batches(made, made.steps)
    assert table["path"][3] in str(made.pictures[0].failure)


def test_batches_are_made_in_parallel_even_where_operations_must_be_deterministic(table):
    # TensorFlow runs the mapped functions of stateful operations one after another then.
    operations = [each.type for each in _map_function(_training(table).dataset).graph.get_operations()]
    assert "PyFuncStateless" in operations
    assert not {"PyFunc", "EagerPyFunc"} & set(operations)


def _map_function(dataset):
    return dataset._input_dataset._map_func.function


def test_native_batches_hold_crops_tables_targets_and_maps(table):
    made = _native(table)
    (inputs, targets, weights) = next(iter(made.dataset))
    assert {name: tuple(each.shape) for name, each in inputs.items()} == {
        "image": (8, 32, 32, 3),
        "quantisation": (8, 8, 8),
    }
    assert {name: tuple(each.shape) for name, each in targets.items()} == {"logit": (8,), "map": (8, 4, 4)}
    assert set(weights) == {"logit", "map"}
    assert made.steps == 6
    assert made.images_per_epoch == 48


def test_native_batches_are_the_same_for_one_seed_wherever_training_begins(table):
    from_start = _batches(_native(table), 12)
    assert _same(from_start, _batches(_native(table, cache=PictureCache("none", 1.0)), 12))
    assert _same(from_start[6:], _batches(_native(table, first_epoch=1), 6))


def test_native_validation_shows_whole_pictures_each_once(table):
    made = _ordered(table, native())
    batches = _batches(made, 99)
    wanted = {load(Path(each), native()).pixels.astype(np.float32).tobytes() for each in table["path"]}
    assert {image.tobytes() for images, _ in batches for image in images} == wanted
    assert np.array_equal(np.concatenate([targets for _, targets in batches]), made.targets)


def test_native_validation_puts_pictures_of_one_size_together(tmp_path):
    wide, tall = draw_table(tmp_path), draw_table(tmp_path)
    from PIL import Image

    for path in tall["path"][::2]:
        with Image.open(path) as picture:
            picture.transpose(Image.Transpose.ROTATE_90).save(path)
    turned = wide.assign(
        height=["64" if place % 2 == 0 else "48" for place in range(12)],
        width=["48" if place % 2 == 0 else "64" for place in range(12)],
    )
    made = _ordered(turned, native())
    assert [images.shape[:3] for images, _ in _batches(made, 9)] == [(6, 48, 64), (6, 64, 48)]


def test_it_makes_what_it_is_asked_for():
    maker = BatchMaker(lambda number: (np.full(3, number),))
    assert maker(7)[0].tolist() == [7, 7, 7]


def test_once_closed_it_says_that_there_is_no_more():
    maker = BatchMaker(lambda number: (np.full(3, number),))
    maker.close()
    with pytest.raises(StopIteration):
        maker(1)


def test_closing_waits_for_what_is_under_way():
    begun, done = threading.Event(), threading.Event()

    def slow(number):
        begun.set()
        time.sleep(0.3)
        done.set()
        return (np.array([number]),)

    maker = BatchMaker(slow)
    thread = threading.Thread(target=maker, args=(1,))
    thread.start()
    begun.wait()
    maker.close()
    assert done.is_set()
    thread.join()


def test_an_error_while_making_leaves_nothing_to_wait_for():
    def broken(number):
        raise ValueError(number)

    maker = BatchMaker(broken)
    with pytest.raises(ValueError, match="3"):
        maker(3)
    maker.close()
