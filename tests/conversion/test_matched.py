"""After `matched` the classes differ neither in how files were saved last nor in what else these hold."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms

from pipeline.auditing.file_features import header_features
from pipeline.conversion import plan
from pipeline.conversion.conversion import convert_pictures
from pipeline.conversion.journal import Journal, journal_path
from pipeline.images import read as reading
from pipeline.images.encode import Stripped, settings_of, take_apart
from pipeline.images.jpeg import START_OF_SCAN, header_segments, segments
from pipeline.images.mask import read_mask
from tests.images.pictures import (
    as_photoshop_writes,
    digests,
    draw_photo,
    list_folder,
    on_cores,
    read_rgb,
    saved,
    settings,
    turned_by,
    with_segment,
)

MATCHED = settings("matched")
CAMERA = {"quality": 90, "subsampling": 2}
EDITOR = {"qtables": [[3] * 64, [4] * 64], "subsampling": 0, "optimize": True, "restart_marker_rows": 1}
SECOND_EDITOR = {"qtables": [[5] * 64, [6] * 64], "subsampling": 2, "progressive": True}


@pytest.fixture
def folder(tmp_path):
    """60 genuine JPEGs of a camera; 10 fakes of one editor, 5 of another, 5 TIFFs."""
    root = tmp_path / "pictures"
    for label in ("genuine", "fake"):
        (root / label).mkdir(parents=True)
    for i in range(60):
        (root / f"genuine/g{i}.jpg").write_bytes(saved(draw_photo(seed=i), **CAMERA))
    for i in range(15):
        content = saved(draw_photo(seed=100 + i), **(EDITOR if i < 10 else SECOND_EDITOR))
        content = with_segment(content, 0xED, b"Photoshop 3.0\0") + b"behind"
        (root / f"fake/f{i}.jpg").write_bytes(content)
    for i in range(5):
        Image.fromarray(draw_photo(seed=200 + i)).save(root / f"fake/t{i}.tif")
    return root


def convert(folder, output, chosen=MATCHED, workers=1):
    return convert_pictures(list_folder(folder), [], output, chosen, on_cores(workers))


def survey(sources, output, chosen=MATCHED):
    with Journal(journal_path(output)) as memory:
        return plan.survey(sources, chosen, memory, on_cores(1))


def remembered(output):
    with Journal(journal_path(output)) as memory:
        return memory.read("file")


def last_saves(output: Path, label: str) -> Counter:
    return Counter(
        settings_of(take_apart(path.read_bytes())) for path in sorted((output / "set" / label).glob("*.jpg"))
    )


def seen_from_outside(content: bytes) -> list[tuple[int, int]]:
    """Markers and lengths of all segments but the Huffman tables, whose lengths differ by picture."""
    return [(marker, 0 if marker == 0xC4 else len(payload)) for marker, payload in header_segments(content)]


def test_both_classes_were_saved_last_with_the_fakes_settings_and_look_the_same_from_outside(folder, output):
    convert(folder, output)
    fake, genuine = last_saves(output, "fake"), last_saves(output, "genuine")
    assert set(fake) == set(genuine)
    assert len(genuine) == 2
    shares = sorted(count / 60 for count in genuine.values())
    assert shares == pytest.approx([1 / 3, 2 / 3], abs=0.15)
    outsides: dict = {}
    for path in (output / "set").rglob("*.jpg"):
        content = path.read_bytes()
        outsides.setdefault(settings_of(take_apart(content)), set()).add(tuple(seen_from_outside(content)))
        assert content.endswith(b"\xff\xd9")
        assert b"Photoshop" not in content
    assert [len(found) for found in outsides.values()] == [1, 1]
    # A fake JPEG keeps its pixels, others are encoded once.
    for i in range(15):
        name = f"fake/f{i}.jpg"
        assert np.array_equal(read_rgb(output / "set" / name), read_rgb(folder / name))
        before = take_apart((folder / name).read_bytes())
        assert take_apart((output / "set" / name).read_bytes()) == before
    table = pd.read_csv(output / "files.csv").set_index("source_path")
    assert table.loc["fake/f3.jpg", "policy"].startswith("matched(stripped,")
    assert table.loc["fake/t3.tif", "policy"].startswith("matched(tables=")
    assert table.loc["genuine/g3.jpg", "policy"].startswith("matched(tables=")


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {"exif": turned_by(6), **EDITOR}), ("L", {}), ("CMYK", {})],
    ids=["turned", "grey", "cmyk"],
)
def test_a_fake_that_cannot_be_kept_as_it_looks_counts_as_never_jpeg(folder, output, mode, options):
    picture = Image.fromarray(draw_photo(40, 60, seed=7))
    (folder / "fake/odd.jpg").write_bytes(saved(picture.convert(mode), **options))
    convert(folder, output)
    content = (output / "set/fake/odd.jpg").read_bytes()
    assert settings_of(take_apart(content)) in last_saves(output, "genuine")
    looked_at = read_rgb(folder / "fake/odd.jpg").astype(int)
    assert np.abs(read_rgb(output / "set/fake/odd.jpg") - looked_at).mean() < 4


def test_a_fake_whose_profile_changes_its_colours_counts_as_never_jpeg(folder, output, monkeypatch):
    picture = Image.fromarray(draw_photo(40, 60, seed=7))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (folder / "fake/odd.jpg").write_bytes(saved(picture, icc_profile=srgb, **EDITOR))
    found = survey(list_folder(folder), output)
    looked_at = read_rgb(folder / "fake/odd.jpg")
    without = read_rgb(saved(picture, **EDITOR))
    assert (found["fake/odd.jpg"].last_save is not None) == np.array_equal(looked_at, without)

    def darker(image):
        decoded = image.convert("RGB")
        return decoded.point(lambda value: value // 2) if "icc_profile" in image.info else decoded

    monkeypatch.setattr(reading, "to_rgb", darker)
    journal_path(output).unlink()
    found = survey(list_folder(folder), output)
    assert found["fake/odd.jpg"].last_save is None
    assert found["fake/f0.jpg"].last_save is not None


def test_masks_stay_with_their_pictures_and_a_broken_fake_is_rejected(folder, output):
    (folder / "fake/f3.jpg").write_bytes((folder / "fake/f3.jpg").read_bytes()[:500])
    (folder / "masks").mkdir()
    marked = np.zeros((40, 60), np.uint8)
    marked[3:9, 4:30] = 255
    Image.fromarray(marked).save(folder / "masks/f0.png")
    Image.fromarray(marked).save(folder / "masks/t0.png")
    assert convert(folder, output).rejected == 1
    assert "f3.jpg" in (output / "rejected.csv").read_text()
    for name in ("f0", "t0"):
        assert np.array_equal(read_mask(output / f"set/masks/{name}.png"), marked > 0)


def test_the_result_depends_neither_on_workers_nor_on_what_was_there(folder, output, monkeypatch):
    convert(folder, output, settings("equal"))
    convert(folder, output, workers=2)
    found = digests(output)
    monkeypatch.setattr(plan, "_ALONE", 0)
    shutil.rmtree(output)
    journal_path(output).unlink()
    convert(folder, output, workers=2)
    assert digests(output) == found
    assert convert(folder, output).unchanged == 80
    assert digests(output) == found


def test_a_new_genuine_picture_moves_no_other_and_a_new_fake_few(folder, output):
    convert(folder, output)
    before = digests(output / "set")
    (folder / "genuine/new.jpg").write_bytes(saved(draw_photo(seed=999), **CAMERA))
    convert(folder, output)
    after = digests(output / "set")
    assert {name: after[name] for name in before} == before
    (folder / "fake/new.jpg").write_bytes(saved(draw_photo(seed=998), **EDITOR))
    convert(folder, output)
    moved = [name for name, digest in digests(output / "set").items() if after.get(name, digest) != digest]
    assert len(moved) <= 8  # of 66, to the editor that has become more frequent


@pytest.mark.usefixtures("trusting")
def test_files_are_looked_at_once(folder, output, monkeypatch):
    looked: list[str] = []
    look_at = plan._look_at

    def counting(item, **options):
        looked.append(item[0].name)
        return look_at(item, **options)

    monkeypatch.setattr(plan, "_look_at", counting)
    sources = list_folder(folder)
    first = survey(sources, output)
    assert len(looked) == 20
    assert survey(sources, output) == first
    assert len(looked) == 20
    (folder / "fake/f2.jpg").write_bytes(as_photoshop_writes(draw_photo(40, 64)))
    second = survey(list_folder(folder), output)
    assert looked[20:] == ["f2.jpg"]
    assert second["fake/f2.jpg"] != first["fake/f2.jpg"]
    survey(sources, output, settings("matched", pages="all"))
    assert len(looked) == 21 + 80


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("damage", ["", "[]", "{}", "[" * 100_000], ids=["none", "list", "map", "deep"])
def test_a_damaged_memory_is_made_again(folder, output, damage):
    sources = list_folder(folder)
    first = survey(sources, output)
    before = remembered(output)
    assert len(before) == 20
    journal_path(output).write_text(damage)
    assert survey(sources, output) == first
    assert remembered(output) == before
    convert(folder, output, settings("equal"))
    assert remembered(output) == {}  # it needs no look at files


def test_on_real_pictures_only_chance_tells_the_settings_apart(real_pictures, output, tmp_path):
    root = tmp_path / "casia1"
    for label in ("genuine", "fake"):
        (root / label).mkdir(parents=True)
        for path in sorted((real_pictures / "casia" / label / "casia1").glob("*.jpg"))[:100]:
            (root / label / path.name).symlink_to(path)
    convert(root, output)
    fake, genuine = last_saves(output, "fake"), last_saves(output, "genuine")
    for donor, count in fake.items():
        share = count / fake.total()
        deviation = (share * (1 - share) / genuine.total()) ** 0.5
        assert abs(genuine[donor] / genuine.total() - share) < 3.5 * deviation + 0.01


def odd_header(content: bytes, how: str) -> bytes:
    """Write the header of a baseline JPEG in another way that decoders read alike."""
    pieces, tables = [content[:2]], []
    for marker, payload, end in segments(content):
        if marker == START_OF_SCAN:
            scan = payload if how != "band" else payload[:-3] + b"\x00\x00\x11"
            scan = scan if how != "exchanged" else scan[:2] + b"\x11\x02\x00\x03\x00" + scan[-3:]
            scan = scan if how != "numbers" else scan[:1] + b"\x07\x00\x08\x11\x09\x11" + scan[-3:]
            if how == "one segment":
                pieces.append(with_length(0xC4, b"".join(tables)))
            if how == "unused":
                pieces.append(with_length(0xC4, b"\x03" + tables[0][1:]))
            return b"".join([*pieces, with_length(marker, scan), content[end:]])
        if marker == 0xC4:
            tables.append(payload)
            if how == "one segment":
                continue
            payload = bytes([payload[0] ^ (how == "exchanged")]) + payload[1:]
        if marker == 0xC0 and how == "numbers":
            payload = payload[:6] + bytes([7, *payload[7:9], 8, *payload[10:12], 9, *payload[13:]])
        pieces.append(b"\xff" * (how == "fill") + with_length(marker, payload))
    raise AssertionError


def with_length(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


@pytest.mark.parametrize(
    "how", ["band", "exchanged", "numbers", "one segment", "unused", "fill", "as libjpeg"]
)
@pytest.mark.parametrize("optimize", [False, True], ids=["standard", "optimised"])
def test_no_byte_of_a_header_tells_what_was_kept_from_what_was_saved(how, optimize):
    picture = Image.fromarray(draw_photo(40, 60, seed=8))
    usual = saved(picture, qtables=[[3] * 64, [4] * 64], subsampling=2, optimize=optimize)
    odd = odd_header(usual, how)
    assert np.array_equal(read_rgb(odd), read_rgb(usual))
    assert (odd == usual) == (how == "as libjpeg")
    kept = Stripped().save(odd, picture)
    assert kept == usual  # libjpeg wrote the data, and all around it is as libjpeg writes it
    features = [header_features(each, "a.jpg", 60, 40) for each in (kept, odd)]
    assert (features[0]["header"] != features[1]["header"]) == (how != "as libjpeg")
    again = settings_of(take_apart(odd)).save(b"", Image.fromarray(draw_photo(40, 60, seed=9)))
    header = header_features(again, "a.jpg", 60, 40)["header"]
    assert header == features[0]["header"]


def test_progressive_scans_are_headed_as_libjpeg_does():
    picture = Image.fromarray(draw_photo(40, 60, seed=8))
    usual = saved(picture, progressive=True)
    assert Stripped().save(usual, picture) == usual
    position = usual.index(b"\xff\xda\x00\x0c\x03")
    odd = (
        usual[: position + 6] + b"\x01" + usual[position + 7 :]
    )  # a table of details, that it has no use for
    assert Stripped().save(odd, picture) == usual
    assert (
        header_features(odd, "a.jpg", 60, 40)["header"] != header_features(usual, "a.jpg", 60, 40)["header"]
    )
