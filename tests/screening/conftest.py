"""A detector as a training leaves it, and a small archive with all that an archive may hold."""

import shutil
import warnings

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from pipeline.config import validate
from pipeline.models.build import build
from tests.conftest import ROOT
from tests.detector.builders import write_decision, write_trained
from tests.images.pictures import draw_photo

BROKEN, SCRIPT, NO_UTF8 = "broken.jpg", "<script>alert(1).png", b"caf\xe9.png"
LINES = "two\nlines.png"


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """An untrained detector that localises, with a decision."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = validate(compose("config", overrides=["model=srm"]))
    folder = tmp_path_factory.mktemp("detector") / "models"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras under TensorFlow 2.21
        write_trained(folder, build(config.model, 64, 64), config.inputs)
    write_decision(folder)
    return folder


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Pictures, three of them of the same bytes, with names of all kinds; what is broken, what is none."""
    folder = tmp_path_factory.mktemp("archive") / "scans"
    (folder / "deeper").mkdir(parents=True)
    for number in range(7):
        path = folder / "deeper" / f"{number}.jpg"
        Image.fromarray(draw_photo(144 + 8 * number, 200, number)).save(path, quality=90 + number)
    for name in (SCRIPT, LINES, NO_UTF8):
        target = bytes(folder) + b"/" + (name if isinstance(name, bytes) else name.encode())
        Image.fromarray(draw_photo(80, 80, len(name))).save(folder / "new.png")
        (folder / "new.png").rename(target.decode(errors="surrogateescape"))
    for name in ("copy.jpg", "deeper/copy of a copy.JPG"):
        shutil.copy(folder / "deeper" / "0.jpg", folder / name)
    (folder / BROKEN).write_bytes((folder / "copy.jpg").read_bytes()[:900])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "photo.cr2").write_bytes(b"II*\0" + bytes(99))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(b"")
    Image.fromarray(np.full((30, 30, 3), 9, np.uint8)).save(folder / "small.png")
    return folder
