"""From the files of the sample alone, before and after conversion, its classes cannot be told apart."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from pipeline.config_data import Sample
from pipeline.forgery.sample_pictures import draw_sample
from pipeline.forgery.sample_plan import plan_sample
from pipeline.images.encode import Jpeg

SETTINGS = Sample(genuine=150, fake=150, width=192, height=128)
SEED = 20
MOST = 0.60
SPLITS = 5  # ways to cut into folds; their mean is compared, because one way alone scatters by 0.03

pytestmark = pytest.mark.slow


def features(content: bytes) -> dict[str, float]:
    with Image.open(io.BytesIO(content)) as picture:
        jpeg = picture.format == "JPEG"
        tables = picture.quantization if jpeg else {}
        return {
            "format": ["JPEG", "PNG", "TIFF"].index(picture.format),
            "width": picture.width,
            "height": picture.height,
            "bytes": len(content),
            "bits_per_pixel": 8 * len(content) / (picture.width * picture.height),
            "brightness_table": float(sum(tables.get(0, []))),
            "colour_table": float(sum(tables.get(1, []))),
            "subsampling": float(picture.layer[0][1] * picture.layer[0][2]) if jpeg else 0.0,
            "exif": len(picture.info.get("exif", b"")),
        }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Features of the raw and of the equally saved files, labels, and the sample's own groups."""
    folder = tmp_path_factory.mktemp("sample") / "sample"
    draw_sample(folder, SETTINGS, SEED)
    plan = plan_sample(SETTINGS, SEED)
    home = {picture.shot.number: number for number, group in enumerate(plan) for picture in group.genuine}
    home |= {
        shot.number: n
        for n, group in enumerate(plan)
        for fake in group.fakes
        for shot in (fake.host, fake.donor)
    }
    saving = Jpeg(95, "4:4:4")  # what `equal` saves with
    raw, equal, labels, groups = [], [], [], []
    for label in ("genuine", "fake"):
        for path in sorted((folder / label).iterdir()):
            content = path.read_bytes()
            with Image.open(path) as picture:
                equal.append(features(saving.save(content, picture.convert("RGB"))))
            raw.append(features(content))
            labels.append(label == "fake")
            groups.append(home[int(re.search(r"[a-z]{3}_?(\d{5})", path.stem)[1])])
    return {"raw": raw, "equal": equal}, np.array(labels), np.array(groups)


def grouped_auc(table: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    """Mean cross-validated ROC AUC of gradient boosting; no group on two sides."""
    found = []
    for split in range(SPLITS):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=split)
        model = HistGradientBoostingClassifier(max_iter=50, min_samples_leaf=10, random_state=0)
        fake = cross_val_predict(model, table, labels, groups=groups, cv=folds, method="predict_proba")[:, 1]
        found.append(roc_auc_score(labels, fake))
    return float(np.mean(found))


@pytest.mark.parametrize("saved", ["raw", "equal"])
def test_no_single_feature_tells_the_classes_apart(files, saved):
    tables, labels, _ = files
    for name in tables[saved][0]:
        auc = roc_auc_score(labels, [row[name] for row in tables[saved]])
        assert max(auc, 1 - auc) <= MOST, name


@pytest.mark.parametrize("saved", ["raw", "equal"])
def test_no_single_feature_is_learnt_from(files, saved):
    tables, labels, groups = files
    for name in tables[saved][0]:
        table = np.array([[row[name]] for row in tables[saved]])
        assert grouped_auc(table, labels, groups) <= MOST, name


@pytest.mark.parametrize("saved", ["raw", "equal"])
def test_all_features_together_are_not_learnt_from(files, saved):
    tables, labels, groups = files
    table = np.array([list(row.values()) for row in tables[saved]])
    assert grouped_auc(table, labels, groups) <= MOST
