"""`fakes examine` as a person calls it, and the page that it leaves."""

import base64
import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import examine
from pipeline.detector.detector import Detector
from pipeline.evidence.panel import SPECIALISTS
from pipeline.examination import examination
from pipeline.predict import Asked
from pipeline.reports.examination_page import TESTS
from tests.conftest import ROOT
from tests.detector.small_detector import write_detector
from tests.examination.drawn import XMP, saved, texture
from tests.reports.page import Page

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("small") / "models")


@pytest.fixture(scope="module")
def detector(models):
    return Detector.load(models)


def spliced():
    """A picture with a bright square, which the small detector calls tampered."""
    pixels = texture()
    pixels[80:144, 160:240] = 250
    return pixels


def run(capsys, monkeypatch, models, *arguments):
    """Call the command in this process; return its exit status and what it printed."""
    monkeypatch.setattr(sys, "argv", ["examine.py", *map(str, arguments), "--models", str(models)])
    with pytest.raises(SystemExit) as ended:
        examine.main()
    return ended.value.code, capsys.readouterr()


def page_at(path):
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def examined(detector, tmp_path_factory):
    """A tampered picture with metadata, against its original; gives the page and the folder of its maps."""
    folder = tmp_path_factory.mktemp("examined")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", f"Model {EVIL}", f"Editor {EVIL}"
    name = f"evil {EVIL.replace('/', '!')}.jpg"
    (folder / name).write_bytes(saved(spliced(), exif=exif, comment=EVIL.encode(), xmp=XMP))
    (folder / "original.jpg").write_bytes(saved(texture()))
    ((_, outcome),) = examine.examine_all(
        [Asked(name, folder / name)], detector, folder / "pages", against=folder / "original.jpg"
    )
    return outcome[0], folder / "pages" / f"{name}.maps"


def test_a_page_goes_from_the_verdict_to_how_to_repeat_it(examined):
    _, page = page_at(examined[0])
    order = [
        *("What it rests on", "The picture", "What each test saw", "Against the claimed original"),
        *("Views, not evidence", "What the file says", "Content Credentials", "how to repeat this"),
    ]
    places = [page.text.index(heading) for heading in order]
    assert places == sorted(places)
    assert page.text.index("fake") < places[0]
    assert "the rate of false alarms is set to 2 %" in page.text
    assert "240 genuine pictures" in page.text
    for name, _ in TESTS.values():
        assert name in page.text
    assert "fakes examine" in page.text
    assert "Editor 3" in page.text  # of its history
    assert re.search(r"\b[0-9a-f]{64}\b", page.text)


def test_a_page_asks_nothing_of_anywhere_and_runs_no_script_but_its_own(examined):
    text, page = page_at(examined[0])
    assert all(address.startswith("data:") for address in page.loaded)
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", text)
    assert "default-src 'none'" in text
    assert page.tags.count("script") == 1
    assert EVIL not in text
    assert "&lt;script&gt;alert(1)" in text


def test_maps_lie_beside_it_as_numbers_and_as_pictures(examined):
    _, maps = examined
    assert {path.name for path in maps.iterdir()} >= {"network.npy", "network.png", "copy_move.npy"}
    logits = np.load(maps / "network.npy")
    assert logits.shape == (32, 48)
    assert logits[12, 24] > 5
    assert logits[2, 2] < 3
    with Image.open(maps / "network.png") as image:
        assert image.size == (48, 32)
        assert np.asarray(image)[12, 24] > 250


def test_the_map_lies_over_the_picture_where_its_blocks_are(examined):
    text, _ = page_at(examined[0])
    layer = re.search(r'data-layer="network" src="data:image/png;base64,([^"]+)"[^>]*style="([^"]*)"', text)
    assert "left:0.000%;top:0.000%;width:100.000%;height:100.000%" in layer[2]
    with Image.open(io.BytesIO(base64.b64decode(layer[1]))) as image:
        coloured = np.asarray(image.convert("RGB")).astype(int)
    assert coloured.shape == (32, 48, 3)
    assert coloured[12, 24, 0] > 240  # yellow
    assert coloured[2, 2, 0] < 150  # and not where nothing was


def test_every_specialist_has_a_name_and_says_what_it_looks_for():
    assert set(SPECIALISTS) < set(TESTS)


def test_metadata_is_shown_and_changes_no_verdict(detector):
    """Pixels and thumbnail alike, all else in the file another."""
    plain = saved(spliced())
    photoshop = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0"
    block = b"\xff\xed" + (len(photoshop) + 2).to_bytes(2, "big") + photoshop
    exif = Image.Exif()
    exif[0x0131], exif[0x010F] = "Adobe Photoshop 25.0", "Maker"
    said = [
        examination.examine(detector, content, "a.jpg").said
        for content in (plain, plain[:2] + block + plain[2:], saved(spliced(), exif=exif, xmp=XMP))
    ]
    assert said[0] == said[1] == said[2]


def test_the_page_says_the_same_as_predict(detector):
    content = saved(spliced())
    assert examination.examine(detector, content, "a.jpg").said == detector.look(content).said


def test_a_turned_picture_is_shown_upright_with_its_map(detector):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = examination.examine(detector, saved(texture(260, 384), exif=exif), "a.jpg")
    assert found.picture.upright_size == (260, 384)
    assert found.answer.map.shape == (48, 32)


def test_copy_moves_are_drawn_as_lines(detector, tmp_path):
    pixels = texture()
    pixels[20:100, 200:300] = pixels[140:220, 40:140]
    (tmp_path / "a.png").write_bytes(saved(pixels, "PNG"))
    asked = Asked("a.png", tmp_path / "a.png")
    ((_, (page, found)),) = examine.examine_all([asked], detector, tmp_path / "out")
    assert len(found.findings["copy_move"].matches) > 20
    drawn = re.findall(
        r'<path class="line" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/>', page.read_text("utf-8")
    )
    ends = np.array(drawn, float)
    assert len(ends) > 20
    moved = np.median(np.abs(ends[:, 2:] - ends[:, :2]), axis=0)
    assert np.allclose(moved, [160, 120], atol=3)


@pytest.fixture(scope="module")
def opened(examined):
    """The page in a browser of a phone's width; and what it asked for, and complained of."""
    playwright = pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium here; apt-get install chromium")
    asked, complained = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complained.append(str(error)))
        page.on("console", lambda message: complained.append(message.text))
        page.on("dialog", lambda dialog: complained.append(dialog.message))
        page.goto(examined[0].as_uri())
        yield page, asked, complained
        browser.close()


@pytest.mark.slow
def test_a_page_in_a_browser_asks_nothing_and_fits_on_a_phone(opened, examined):
    page, asked, complained = opened
    assert [url for url in asked if not url.startswith("data:")] == [examined[0].as_uri()]
    assert not complained
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")


@pytest.mark.slow
def test_slider_choice_and_matched_points_do_what_they_say(opened):
    page, _, _ = opened
    page.locator("#cover").fill("10")
    over = page.locator(".viewer .over:visible")
    assert over.count() == 1
    assert over.evaluate("each => each.style.opacity") == "0.1"
    page.locator("#layer").select_option("difference")
    assert over.get_attribute("data-layer") == "difference"
    page.locator("#layer").select_option("")
    assert over.count() == 0
    page.locator("[data-show=jpeg_grid]").click()
    assert over.get_attribute("data-layer") == "jpeg_grid"
    page.locator("#full").check()
    assert page.locator(".stack").first.bounding_box()["width"] == 384


# The command.


def test_a_line_a_picture_with_its_page(capsys, monkeypatch, models, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.jpg").write_bytes(saved(spliced()))
    status, printed = run(
        capsys, monkeypatch, models, tmp_path / "a", tmp_path / "b" / "x.jpg", "--to", tmp_path / "o"
    )
    assert status == 0
    assert printed.out.count("x.jpg  fake: network: ") == 2
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "x.jpg.html", "x.jpg.maps", "x.jpg-2.html", "x.jpg-2.maps",
    }  # fmt: skip


def test_another_rate_of_false_alarms_is_on_the_page(capsys, monkeypatch, models, tmp_path):
    (tmp_path / "x.jpg").write_bytes(saved(spliced()))
    status, _ = run(
        capsys, monkeypatch, models, tmp_path / "x.jpg", "--to", tmp_path / "o", "--false-alarms", "0.25"
    )
    assert status == 0
    page = (tmp_path / "o" / "x.jpg.html").read_text("utf-8")
    assert "set to 25 %" in page
    assert "--false-alarms 0.25" in page


BAD = {
    "archive.jpg": (b"PK\x03\x04" + bytes(500), "it is an archive; unpack it"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "it is a drawing or a text"),
    "page.jpg": (b"<!doctype html><html>", "it is a web page"),
    "half.jpg": (saved(texture(96, 128))[:2000], "truncated"),
    "empty.jpg": (b"", "the file is empty"),
}


def test_what_is_no_picture_is_named_and_the_rest_is_answered(capsys, monkeypatch, models, tmp_path):
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.jpg").write_bytes(saved(texture(96, 128)))
    names = [tmp_path / name for name in (*BAD, "missing.jpg", "good.jpg")]
    status, printed = run(capsys, monkeypatch, models, *names, "--to", tmp_path / "o")
    assert status == 1
    for name, (_, why) in BAD.items():
        assert re.search(rf"error: .*{name}.*{why}", printed.out), printed.out
    assert "missing.jpg" in printed.out
    assert [path.name for path in (tmp_path / "o").glob("*.html")] == ["good.jpg.html"]


def test_a_claimed_original_that_cannot_be_read_is_said(capsys, monkeypatch, models, tmp_path):
    (tmp_path / "x.jpg").write_bytes(saved(texture(96, 128)))
    (tmp_path / "o.jpg").write_bytes(b"PK\x03\x04")
    status, printed = run(capsys, monkeypatch, models, tmp_path / "x.jpg", "--against", tmp_path / "o.jpg")
    assert status == 1
    assert "o.jpg cannot be read: it is an archive" in printed.out + printed.err


def test_a_full_disk_leaves_no_half_page(capsys, monkeypatch, models, tmp_path):
    (tmp_path / "x.jpg").write_bytes(saved(texture(96, 128)))
    earlier = tmp_path / "o" / "x.jpg.html"
    earlier.parent.mkdir()
    earlier.write_text("earlier")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    status, printed = run(capsys, monkeypatch, models, tmp_path / "x.jpg", "--to", tmp_path / "o")
    assert status == 1
    assert "free some space on that disk" in printed.err
    assert earlier.read_text() == "earlier"
    assert [path.name for path in earlier.parent.iterdir()] == ["x.jpg.html"]


def test_pdf_without_a_browser_says_what_to_do(capsys, monkeypatch, models, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    status, printed = run(capsys, monkeypatch, models, tmp_path / "x.jpg", "--pdf")
    assert status == 1
    assert "apt-get install chromium" in printed.err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here; apt-get install chromium")
def test_a_page_is_printed_as_pdf(capsys, monkeypatch, models, tmp_path):
    (tmp_path / "x.jpg").write_bytes(saved(spliced()))
    status, _ = run(capsys, monkeypatch, models, tmp_path / "x.jpg", "--to", tmp_path / "o", "--pdf")
    assert status == 0
    assert (tmp_path / "o" / "x.jpg.pdf").read_bytes().startswith(b"%PDF")


def started(models, *arguments):
    command = [sys.executable, "-m", "pipeline.examine", *map(str, arguments), "--models", str(models)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_ctrl_c_leaves_whole_pages_alone(models, tmp_path):
    for number in range(40):
        (tmp_path / f"{number:02}.jpg").write_bytes(saved(texture(seed=number)))
    process = started(models, tmp_path, "--to", tmp_path / "o")
    first = process.stdout.readline()
    assert "00.jpg" in first
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    for path in (tmp_path / "o").iterdir():
        assert not path.name.startswith(".")
        assert path.is_dir() or path.read_text("utf-8").rstrip().endswith("</html>")


@pytest.mark.slow
def test_nothing_of_the_training_is_imported(models, tmp_path):
    (tmp_path / "x.jpg").write_bytes(saved(texture(96, 128)))
    script = (
        "import sys, runpy\n"
        f"sys.argv = ['examine.py', {str(tmp_path / 'x.jpg')!r}, '--models', {str(models)!r},"
        f" '--to', {str(tmp_path / 'o')!r}]\n"
        "try:\n    runpy.run_module('pipeline.examine', run_name='__main__')\n"
        "except SystemExit as ended:\n    assert ended.code == 0, ended.code\n"
        "heavy = ['tensorflow', 'keras', 'hydra', 'mlflow', 'dvc', 'sklearn', 'matplotlib', 'rich']\n"
        "print([each for each in heavy if each in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "[]"
