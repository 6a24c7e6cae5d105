import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY, history_features
from pipeline.models.forest import build
from pipeline.training.callbacks import COLUMNS
from pipeline.training.fit_forest import fit_forest, measure_pictures
from tests.images.pictures import draw_photo, on_cores, read_rgb


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """More pictures than are measured in this process, of different sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number}.png" for number in range(104)]
    for number, path in enumerate(paths):
        Image.fromarray(draw_photo(16 + number % 9, 24, seed=number)).save(path)
    return paths


def test_pictures_are_measured_in_their_order_here_and_in_processes(paths):
    expected = np.stack([history_features(read_rgb(path)) for path in paths])
    assert np.array_equal(measure_pictures(paths[:40], on_cores(2)), expected[:40])
    assert np.array_equal(measure_pictures(paths, on_cores(2)), expected)


def test_relative_paths_start_where_this_process_stands(paths, monkeypatch):
    monkeypatch.chdir(paths[0].parent)
    assert measure_pictures([], on_cores(1)).shape == (0, N_HISTORY)
    found = measure_pictures([path.relative_to(path.parent) for path in paths[:2]], on_cores(1))
    assert np.array_equal(found, measure_pictures(paths[:2], on_cores(1)))


@pytest.mark.parametrize("count", [3, 104])
def test_a_picture_that_cannot_be_read_is_named(paths, tmp_path, count):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(paths[0].read_bytes()[:50])
    with pytest.raises(UserError, match=r"broken\.jpg cannot be read"):
        measure_pictures([*paths[: count - 1], broken], on_cores(2))


SMALL = {"trees": 20, "features_per_split": 0.2, "smallest_leaf": 0.0}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Those to learn from and those to validate on, every second one a fake with a smooth half."""
    folder, rows = tmp_path_factory.mktemp("pictures"), []
    for number in range(48):
        picture = draw_photo(48, 64, seed=number)
        if is_fake := number % 2:
            picture[:24] = 255
        Image.fromarray(picture).save(folder / f"{number}.png")
        rows.append({"path": str(folder / f"{number}.png"), "target": is_fake})
    table = pd.DataFrame(rows)
    return table[:24], table[24:]


@pytest.fixture
def fitted(compose_config, tables):
    def fit(*overrides, **how):
        forest = build(**SMALL)
        return forest, fit_forest(forest, *tables, compose_config("model=forest", *overrides), **how)

    return fit


def test_it_learns_what_can_be_learned_and_the_callback_gets_the_one_row_of_the_history(fitted):
    seen = []
    _, history = fitted(on_epoch=lambda epoch, metrics: seen.append((epoch, metrics)))
    assert history["validation/roc_auc"].item() > 0.95
    assert history["train/accuracy"].item() == 1.0
    assert list(history.columns) == ["epoch", *COLUMNS]
    assert history["epoch"].tolist() == [1] == [epoch for epoch, _ in seen]
    assert history[COLUMNS].to_dict("records") == [metrics for _, metrics in seen]
    assert history["images_per_second"].item() > 0


def test_the_seed_of_the_configuration_decides_and_that_of_training_goes_before_it(fitted):
    def without_rate(*overrides):
        return fitted(*overrides)[1].drop(columns="images_per_second")

    pd.testing.assert_frame_equal(without_rate("seed=1"), without_rate("seed=1", "compute.workers=1"))
    assert not without_rate("seed=1").equals(without_rate("seed=2"))

    def roots(*overrides):
        return [tree.random_state for tree in fitted(*overrides)[0].trees.estimators_]

    assert roots("seed=1") == roots("seed=2", "train.seed=1") != roots("seed=1", "train.seed=2")


def test_an_empty_validation_table_is_refused(compose_config, tables):
    train, validation = tables
    with pytest.raises(UserError, match="validation table is empty"):
        fit_forest(build(**SMALL), train, validation[:0], compose_config("model=forest"))
