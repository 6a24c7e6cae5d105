"""The report in a real browser: nothing is fetched, nothing complains, nothing sticks out on a phone.

Chromium is driven by its command line, so no package is needed. The page is measured inside a frame of the
width of a phone, because a window cannot be made that narrow everywhere.
"""

import http.server
import json
import re
import shutil
import subprocess
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from pipeline.reports.artifacts import evaluation_charts
from pipeline.reports.report import shared_content, write_report
from tests.reports.evaluated import BELIEVABLE, CLASSIC, with_gallery, with_names

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here; apt-get install chromium"),
]
MEASURE = """<!doctype html><title>measuring</title><body style="margin:0">
<iframe src="report.html" style="width:%dpx;height:900px;border:0"></iframe><pre id="found"></pre><script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  const images = [...page.images];
  const wide = [...page.querySelectorAll("main *")].filter(each =>
    !each.closest(".scroll, pre, svg") && each.getBoundingClientRect().right > %d + 0.5);
  document.getElementById("found").textContent = JSON.stringify({
    scrolls: page.documentElement.scrollWidth, wide: wide.map(each => each.outerHTML.slice(0, 120)),
    images: images.length, broken: images.filter(image => !image.naturalWidth).length,
    headline: page.querySelector("h1").getBoundingClientRect().bottom,
    bars: page.querySelector(".hero").getBoundingClientRect().bottom});
};
</script>"""


class Counting(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and remembers what was asked for."""

    def __init__(self, *arguments, asked, **named):
        self.asked = asked
        super().__init__(*arguments, **named)

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module", params=["believable", "classic", "long names"])
def served(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.replace(" ", "_"))
    content = {
        "believable": BELIEVABLE,
        "classic": CLASSIC,
        "long names": with_names(BELIEVABLE, "<script>alert(1)</script>" * 6),
    }[request.param]
    gallery = with_gallery(BELIEVABLE, folder / "gallery").gallery
    results, charts = replace(content, gallery=gallery), evaluation_charts(content)
    write_report(folder / "report.html", results, shared_content(results), charts)
    asked = []
    handler = partial(Counting, directory=str(folder), asked=asked)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def browse(folder, *arguments):
    """Run the browser with all other hosts shut off; give what it prints and what it complains about."""
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr", "--v=0",
        f"--user-data-dir={folder / 'profile'}", *arguments,
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_is_fetched_or_broken(served, width):
    folder, address, asked = served
    page = f"measure{width}.html"  # a name of its own: the browser keeps pages for a while
    (folder / page).write_text(MEASURE % (width, width), encoding="utf-8")
    asked.clear()
    printed, complaints = browse(folder, "--dump-dom", "--virtual-time-budget=20000", f"{address}/{page}")
    found = json.loads(re.search(r'<pre id="found">(.*?)</pre>', printed, re.DOTALL)[1].replace("&amp;", "&"))
    assert complaints == []
    assert found["scrolls"] == width, found["wide"]
    assert found["wide"] == []
    assert found["images"] == 16
    assert found["broken"] == 0
    assert set(asked) <= {f"/{page}", "/report.html", "/favicon.ico"}
    assert found["bars"] < 844  # of a phone's first screen


def test_by_night_the_page_is_dark_and_by_day_it_is_light(served):
    folder, address, _ = served
    shades = []
    for scheme in (0, 1):
        path = folder / f"{scheme}.png"
        _, complaints = browse(
            folder,
            f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=800,600",
            f"--screenshot={path}",
            f"{address}/report.html",
        )
        assert complaints == []
        with Image.open(path) as image:
            shades.append(np.median(np.asarray(image.convert("L"))))
    assert shades[0] < 60 < 200 < shades[1]
