"""Groups of the real pictures beside those of `facts.csv`, and what the format alone tells of CASIA 2."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from pipeline.config import Compute, Split
from pipeline.datasets.groups import group_pictures, join, source_relation
from pipeline.datasets.listing import list_sources
from pipeline.datasets.near_duplicates import find_near_duplicates
from pipeline.datasets.splits import assign
from pipeline.images.hashes import perceptual_hashes, pixel_sha256, sha256_of_file
from pipeline.images.read import read_rgb
from tests.datasets.casia2 import NAMES, casia2_names


@pytest.fixture(scope="module")
def real_files(real_pictures):
    """The columns of files.csv that groups need, of all real pictures; paths start at their folder."""
    from hydra import compose, initialize_config_dir

    from pipeline.config import validate
    from tests.conftest import ROOT

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        data = validate(compose("config", overrides=["data=casia", f"data.root={real_pictures}"])).data
    rows = []
    for source in list_sources(data)[0]:
        picture = Image.fromarray(read_rgb(source.path))
        plain, turned = perceptual_hashes(picture)
        rows.append(
            {
                "path": source.source_path,
                "label": source.label,
                "collection": source.collection,
                "source_ids": "|".join(source.source_ids),
                "source_sha256": sha256_of_file(source.path),
                "sha256": sha256_of_file(source.path),
                "pixel_sha256": pixel_sha256(picture),
                "known_group": source.known_group,
                "phash": plain,
                "phash_turned": turned,
            }
        )
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_groups_of_the_real_pictures_are_those_of_facts_csv(real_files, real_pictures):
    """Ours join nothing that is apart there; what is joined there alone hangs on pictures that are not here.

    `facts.csv` knows fakes of CASIA that this selection lacks. Their names are in casia2-names: with
    these the groups hold all but a few of its pairs.
    """
    facts = pd.read_csv(real_pictures / "facts.csv", dtype=str, keep_default_na=False)
    expected = real_files["path"].map(facts.set_index("path")["group"]).to_numpy(dtype=object)
    duplicates = find_near_duplicates(
        real_files, real_pictures, Compute(backend="local", workers=2, scheduler=None)
    )
    ours = group_pictures(real_files.drop(columns="known_group"), duplicates)
    one, other = np.nonzero(np.triu(expected[:, None] == expected[None], 1))
    assert len(one) == 160_580
    a, b = np.nonzero(np.triu(ours[:, None] == ours[None], 1))
    assert (expected[a] == expected[b]).all()
    assert np.mean(ours[one] == ours[other]) == pytest.approx(0.578, abs=0.01)
    told = group_pictures(real_files, duplicates)  # by the table itself, as data.known_groups of casia has it
    assert (told[one] == told[other]).all()

    # What lies on two sides of the split that a run of data=casia makes, with the table and without.
    split = Split(
        method="grouped", shares={"train": 0.7, "validation": 0.15, "test": 0.15}, folds=None, fold=0
    )
    casia = real_files["collection"].isin(["casia1", "casia2"]).to_numpy()
    one, other = np.nonzero(np.triu((expected[:, None] == expected[None])[np.ix_(casia, casia)], 1))
    for group, share in ((told, 0.0), (ours, 0.113)):
        sides = assign(real_files.assign(group=group)[casia], split, 20).sides
        assert np.mean(sides[one] != sides[other]) == pytest.approx(share, abs=0.005)

    everything = pd.concat([real_files.assign(group=ours), casia2_names()], ignore_index=True)
    sources = source_relation(everything)
    joined = join(len(everything), [sources, type(sources)(np.arange(len(ours)), ours)])[: len(ours)]
    assert np.mean(joined[one] != joined[other]) < 0.001


@pytest.mark.skipif(not NAMES.is_dir(), reason="needs ../shared/data/casia2-names")
def test_tiff_means_fake_in_casia2():
    table = casia2_names()
    formats = pd.get_dummies(table["source_format"]).to_numpy()
    fake = (table["label"] == "fake").to_numpy()
    answers = cross_val_predict(DecisionTreeClassifier(max_depth=2, random_state=0), formats, fake, cv=5)
    assert np.mean(answers == fake) == pytest.approx(0.836, abs=0.001)
    assert answers.tolist() == (table["source_format"] == "TIFF").tolist()
