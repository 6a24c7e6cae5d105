"""Weights to begin with: taken over whole, or refused with what to do."""

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.models.build import build
from pipeline.models.detector_files import save_detector
from pipeline.models.pretrained import FOLDER, with_weights

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {
    "_target_": "pipeline.models.dct.build",
    "frequencies": 4, "largest": 2, "absolute_frequencies": 0, "absolute_largest": 2,
    "filters": 4, "depth": 0, "context": False, "share": 0.1,
}  # fmt: skip


def _network(**sizes):
    return build({**SMALL, **sizes}, 64, 64)


def test_a_network_begins_with_the_weights_that_were_kept(tmp_path):
    kept, new = _network(), _network()
    save_detector(kept, tmp_path / "dct")
    assert not all(map(np.array_equal, kept.get_weights(), new.get_weights()))
    with_weights(new, "pretrained", tmp_path)
    assert all(map(np.array_equal, kept.get_weights(), new.get_weights()))


def test_null_is_by_chance(tmp_path):
    network = _network()
    before = network.get_weights()
    assert with_weights(network, None, tmp_path) is network
    assert all(map(np.array_equal, before, network.get_weights()))


def test_weights_that_are_not_there_or_of_another_size_are_refused(tmp_path):
    with pytest.raises(UserError, match="no weights of dct"):
        with_weights(_network(), "pretrained", tmp_path)
    save_detector(_network(), tmp_path / "dct")
    with pytest.raises(UserError, match="usual size"):
        with_weights(_network(filters=8), "pretrained", tmp_path)


def test_what_comes_with_the_package_is_small_and_has_its_card():
    for folder in FOLDER.iterdir() if FOLDER.is_dir() else ():
        card = (folder / "CARD.md").read_text(encoding="utf-8")
        assert all(word in card for word in ("icence", "seed", "ROC AUC"))
        assert sum(path.stat().st_size for path in folder.iterdir()) < 2 * 2**20
