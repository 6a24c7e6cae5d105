"""What libraries say of a picture arrives in the log of the stage, from wherever the picture was read."""

import logging
import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.conversion import conversion
from pipeline.conversion.conversion import convert_pictures
from pipeline.images.files import Unreadable
from pipeline.images.messages import collected
from tests.images.pictures import EQUAL, PHOTO, encoded, list_folder, make_dataset, on_cores, read_rgb, tiff


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_profile_is_said_once(tmp_path, monkeypatch, caplog, workers):
    dataset = make_dataset(tmp_path / "pictures")
    Image.fromarray(PHOTO).save(dataset / "fake" / "profile.jpg", icc_profile=b"no profile at all")
    monkeypatch.setattr(conversion, "_ALONE", 0)
    with caplog.at_level(logging.INFO, "pipeline"):
        convert_pictures(list_folder(dataset), [], tmp_path / "converted", EQUAL, on_cores(workers))
    lines = [record.getMessage() for record in caplog.records if record.name == "pipeline.images"]
    assert len(lines) == 1
    assert "ICC profile" in lines[0]


@pytest.mark.parametrize(("taken", "said"), [("first", 1), ("all", 0)])
def test_pages_that_are_not_taken_are_said(tmp_path, caplog, taken, said):
    dataset = make_dataset(tmp_path / "pictures")
    more = {"save_all": True, "append_images": [Image.fromarray(PHOTO[::-1].copy())]}
    Image.fromarray(PHOTO).save(dataset / "fake" / "scan.tif", **more)
    settings = EQUAL.model_copy(update={"pages": taken})
    with caplog.at_level(logging.INFO, "pipeline"):
        convert_pictures(list_folder(dataset), [], tmp_path / "converted", settings, on_cores(1))
    assert [
        text for text in caplog.messages if "scan.tif: it has 2 pages, the first" in text
    ] == caplog.messages
    assert len(caplog.messages) == said


# What libraries say of a picture is in the log, a line a picture, and not on the terminal.

DESCRIPTORS = Path("/proc/self/fd")


def damaged_fax() -> bytes:
    content = bytearray(encoded(Image.fromarray(PHOTO).convert("1"), "TIFF", compression="group4"))
    content[150:160] = b"\x01" * 10
    return bytes(content)


def test_libtiff_speaks_to_the_log_with_the_name_of_the_file(tmp_path, caplog, capfd):
    caplog.set_level(logging.INFO, logger="pipeline.images")
    path = tmp_path / "a fax.tif"
    path.write_bytes(damaged_fax())
    assert read_rgb(path).shape == (40, 60, 3)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{path}: ")
    assert "Bad code word" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert capfd.readouterr() == ("", "")


def test_what_libtiff_stopped_at_is_the_reason(capfd):
    content = bytearray(encoded(PHOTO, "TIFF", compression="tiff_lzw"))
    content[100:200] = bytes(range(100))
    with pytest.raises(Unreadable, match=r"its content is broken \(.*code not yet in table"):
        read_rgb(bytes(content))
    assert capfd.readouterr() == ("", "")


def test_tifffile_speaks_to_the_log_too(caplog, capfd):
    caplog.set_level(logging.INFO)
    content = tiff(PHOTO.astype(np.uint16), extratags=[(65000, 2, None, "x" * 99, True)])
    place = content.index(b"x" * 99)
    lost = content.replace(place.to_bytes(4, "little"), (1 << 30).to_bytes(4, "little"), 1)
    assert read_rgb(lost).shape == PHOTO.shape
    assert [record.name for record in caplog.records] == ["pipeline.images"]
    assert "65000" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_warnings_become_messages_and_none_is_lost_to_filters():
    with collected(from_stderr=True) as messages:
        warnings.warn("one thing", stacklevel=1)
        warnings.warn("one thing", stacklevel=1)
        os.write(2, b"and another\n")
    assert str(messages) == "one thing; and another"


def test_a_picture_read_meanwhile_does_without():
    with collected(from_stderr=True) as outer:
        found = []
        thread = threading.Thread(target=lambda: found.append(read_rgb(tiff(PHOTO))))
        thread.start()
        thread.join(timeout=20)
    assert np.array_equal(found[0], PHOTO)
    assert str(outer) == ""


def test_stderr_is_what_it_was_afterwards(capfd):
    for _ in range(50):
        read_rgb(damaged_fax())
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted as Linux does")
def test_no_descriptor_is_left_open():
    read_rgb(damaged_fax())
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(20):
        read_rgb(damaged_fax())
    assert len(list(DESCRIPTORS.iterdir())) == before
