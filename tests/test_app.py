"""The page in the browser: what it refuses, what it shows, and that it asks nothing of anywhere.

Whole: the program as a person starts it, a real file dropped in a real browser.
"""

import base64
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.app import check_host, make_app
from pipeline.detector.detector import Detector
from pipeline.errors import UserError
from pipeline.images.files import Limits
from pipeline.web.desk import Desk
from tests.conftest import ROOT
from tests.detector.small_detector import write_detector
from tests.examination.drawn import saved, texture

# Gradio and what it stands on warn of their own imports. These take seconds: they wait for a test in need.
pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no Gradio here"),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("left_open_by_others"),
]

CHROMIUM = shutil.which("chromium")
EVIL = "<script>alert(1)<!script>"
PHONE = {"width": 390, "height": 844}
# Ends whatever would be asked of another host, and says so.
_WATCHED = """
import runpy, socket, sys
for name in ("connect", "connect_ex"):
    plain = getattr(socket.socket, name)
    def watched(self, address, plain=plain):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            print("OUTSIDE", address, file=sys.stderr, flush=True)
            raise OSError("shut off")
        return plain(self, address)
    setattr(socket.socket, name, watched)
sys.argv = ["app.py", *sys.argv[1:]]
runpy.run_module("pipeline.app", run_name="__main__")
"""


def spliced():
    pixels = texture()
    pixels[80:144, 160:240] = 250
    return pixels


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("small") / "models")


@pytest.fixture
def desk(models, tmp_path):
    return Desk(Detector.load(models), tmp_path / "pages", Limits(1, 1, set_by="--"))


# What is dropped.


def test_what_is_dropped_is_examined_and_its_page_is_kept_by_a_name_nobody_can_guess(desk, tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved(spliced()))
    shown = desk.examine(tmp_path / "a.jpg")
    assert (shown.name, shown.verdict) == ("a.jpg", "fake")
    assert len(shown.page) > 20
    name, page = desk.page(shown.page)
    assert name == "a.jpg"
    assert "What it rests on" in page.read_text("utf-8")
    assert desk.page("../../etc/passwd") is None


def test_the_page_says_what_predict_says(desk, tmp_path):
    (tmp_path / "a.jpg").write_bytes(saved(spliced()))
    said = desk.detector.look(tmp_path / "a.jpg").said
    for shown in (desk.examine(tmp_path / "a.jpg"), desk.judge(tmp_path / "a.jpg")):
        assert (shown.verdict, shown.reason) == (said["verdict"], said["reason"])
        assert shown.p_value == pytest.approx(said["p_value"], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("archive.jpg", b"PK\x03\x04" + bytes(99), "it is an archive; unpack it"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "it is a drawing or a text"),
        ("page.jpg", b"<!doctype html><html>", "it is a web page"),
        ("large.png", saved(np.zeros((1001, 1000, 3), np.uint8), "PNG"), "raise --max-megapixels"),
    ],
    ids=["archive", "drawing", "page", "large"],
)
def test_what_is_no_picture_or_too_large_is_said_without_our_folders(desk, tmp_path, name, content, why):
    (tmp_path / name).write_bytes(content)
    for shown in (desk.examine(tmp_path / name), desk.judge(tmp_path / name)):
        assert shown.verdict == "cannot be read"
        assert why in shown.reason
        assert str(tmp_path) not in shown.reason


def test_the_oldest_page_is_deleted(desk, tmp_path, monkeypatch):
    from pipeline.web import desk as module

    monkeypatch.setattr(module, "_KEPT", 1)
    (tmp_path / "a.jpg").write_bytes(saved(texture(96, 128)))
    first, second = desk.examine(tmp_path / "a.jpg"), desk.examine(tmp_path / "a.jpg")
    assert desk.page(first.page) is None
    assert desk.page(second.page)[1].is_file()
    assert len(list((tmp_path / "pages").iterdir())) == 1


def test_a_full_disk_is_said(desk, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (tmp_path / "a.jpg").write_bytes(saved(texture(96, 128)))
    monkeypatch.setattr(Path, "write_bytes", full)
    shown = desk.examine(tmp_path / "a.jpg")
    assert "free some space on that disk" in shown.reason


# Who may ask.


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])
def test_it_listens_on_loopback_alone_unless_others_are_to_come_in(host):
    with pytest.raises(UserError, match=r"no loopback address.*--let-others-in"):
        check_host(host, others=False)
    check_host(host, others=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_listened_on(host):
    check_host(host, others=False)


@pytest.fixture(scope="module")
def client(models, tmp_path_factory):
    """Asks the application without a server."""
    from starlette.testclient import TestClient

    folder = tmp_path_factory.mktemp("app")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        app = make_app(models, folder, max_mib=1)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


def test_another_name_for_this_machine_gets_no_answer(client):
    assert client.get("/").status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_every_answer_forbids_the_browser_other_hosts(client):
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy
    assert "https:" not in policy
    assert client.get("/report/nothing").status_code == 404
    assert "sandbox" not in policy


def test_analytics_are_off_and_fonts_are_those_of_the_system(client):
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    config = client.get("/config").json()
    assert not config["analytics_enabled"]
    theme = client.get("/theme.css").text
    assert "fonts.googleapis.com" not in theme + client.get("/").text
    assert "system-ui" in theme


def test_an_upload_beyond_the_limit_is_refused_before_it_is_looked_at(client):
    content = bytes(200 * 2**20)
    answer = client.post("/gradio_api/upload", files={"files": ("large.jpg", content)})
    assert answer.status_code == 413
    small = client.post("/gradio_api/upload", files={"files": ("small.jpg", saved(texture(96, 128)))})
    assert small.status_code == 200


def test_without_gradio_it_is_said_how_to_get_it(models, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "pipeline.web.page", raising=False)
    with pytest.raises(UserError, match=r"pip install fake-image-detection\[app\]"):
        make_app(models, tmp_path)


# Whole.


@contextlib.contextmanager
def started(models, *arguments):
    """Start the program; give its address, and its process."""
    command = [sys.executable, "-c", _WATCHED, "--models", str(models), "--port", "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = re.match(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert address, process.stderr.read()
        yield address[0], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.mark.slow
def test_ctrl_c_ends_it_and_takes_what_was_uploaded_along(models, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started(models) as (address, process):
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.status == 200
        assert list(tmp_path.glob("fakes-app-*"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "OUTSIDE" not in errors
    assert not list(tmp_path.glob("fakes-app-*"))


@pytest.mark.slow
def test_a_port_that_is_taken_is_said(models):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "pipeline.app", "--models", str(models), "--port", port]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert f"--port {port} of 127.0.0.1 cannot be used" in ended.stderr


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium here; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def drop(page, target, path):
    """Drop a file as a person does who lets go of it over the page."""
    content = base64.b64encode(path.read_bytes()).decode()
    carried = page.evaluate_handle(
        """([name, content]) => {
          const bytes = Uint8Array.from(atob(content), each => each.charCodeAt(0));
          const carried = new DataTransfer();
          carried.items.add(new File([bytes], name, {type: "image/jpeg"}));
          return carried;
        }""",
        [path.name, content],
    )
    page.locator(target).first.dispatch_event("drop", {"dataTransfer": carried})


@pytest.fixture(scope="module")
def dropped(models, browser, tmp_path_factory):
    """A page of a phone's size on which a file was dropped, and what was asked for meanwhile."""
    folder = tmp_path_factory.mktemp("dropped")
    exif = Image.Exif()
    exif[0x0131] = "<script>window.stolen = 1</script>"
    (folder / f"{EVIL}.jpg").write_bytes(saved(spliced(), exif=exif))
    (folder / "genuine.jpg").write_bytes(saved(texture()))
    (folder / "archive.jpg").write_bytes(b"PK\x03\x04" + bytes(99))
    names = [str(folder / name) for name in (f"{EVIL}.jpg", "genuine.jpg", "archive.jpg")]
    asked, complained = [], []
    with started(models) as (address, process):
        page = browser.new_page(viewport=PHONE)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complained.append(str(error)))
        page.on("dialog", lambda dialog: complained.append(dialog.message))
        page.goto(address)
        page.wait_for_selector("#dropped input[type=file]", state="attached", timeout=60_000)
        drop(page, "#dropped button", Path(names[0]))
        page.wait_for_selector(".shown iframe", timeout=60_000)
        page.frame_locator(".shown iframe").locator("h1").wait_for(timeout=60_000)
        yield page, address, names, asked, complained
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert "OUTSIDE" not in errors


@pytest.mark.slow
def test_a_dropped_picture_is_shown_as_examine_shows_it(dropped):
    page, *_ = dropped
    report = page.frame_locator(".shown iframe")
    assert report.locator("h1").inner_text() == "fake"
    assert "What it rests on" in report.locator("main").inner_text()
    report.locator("#cover").fill("20")
    assert report.locator("#covered").inner_text() == "20 %"  # the script of the report runs
    assert "script" in page.locator(".shown summary").inner_text()


@pytest.mark.slow
def test_the_report_can_be_downloaded(dropped, tmp_path):
    page, address, *_ = dropped
    link = page.locator(".shown a", has_text="download").get_attribute("href")
    with urllib.request.urlopen(address + link, timeout=30) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        content = answer.read()
    assert b"What it rests on" in content
    with page.expect_download() as download:
        page.locator(".shown a", has_text="download").click()
    download.value.save_as(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == content


@pytest.mark.slow
def test_many_are_sorted_by_suspicion(dropped):
    page, _, names, _, _ = dropped
    page.evaluate("window.scrollTo(0, 0)")  # the tabs move while the page scrolls to them
    page.wait_for_timeout(500)
    page.get_by_role("tab", name="Many pictures").click()
    page.wait_for_selector("#many input[type=file]", state="attached")
    page.set_input_files("#many input[type=file]", names)
    page.wait_for_function(
        "document.querySelector('#table').innerText.includes('an archive')", timeout=60_000
    )
    table = page.locator("#table td:first-child").all_inner_texts()
    assert table == ["fake", "genuine", "cannot be read"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("tab", name="One or a few pictures").click()


@pytest.mark.slow
def test_it_fits_on_a_phone_and_nothing_complains(dropped):
    page, _, _, _, complained = dropped
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window == PHONE["width"]
    assert page.evaluate("window.stolen") is None
    assert not complained


@pytest.mark.slow
def test_nothing_is_asked_of_any_other_host(dropped):
    _, address, _, asked, _ = dropped
    assert len(asked) > 5
    outside = [url for url in asked if not url.startswith((address, "data:", "blob:", "about:"))]
    assert not outside
