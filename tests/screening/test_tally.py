"""What a screening comes to, and the page that says so."""

import re

import numpy as np
import pytest

from pipeline.detector.about import About
from pipeline.reports import screening_page
from pipeline.reports.screening_page import PAGE, draw_histogram, finding, write_page
from pipeline.screening.answers import row, unreadable, write_part
from pipeline.screening.looking import map_path
from pipeline.screening.tally import Expected, expected_false_alarms, tally
from pipeline.storage import write_bytes
from tests.detector.builders import BY_NETWORK
from tests.reports.page import Page
from tests.screening.conftest import LINES, SCRIPT

ABOUT = {
    "source": "<b>scans",
    "detector": About("0123", "<i>", "trained on x", "2.0% false alarms"),
    "threshold": 0.8,
    "passed_over": 3,
}


def said(verdict, probability, reason="network: <u>"):
    size = {"width": 96, "height": 72, "format": "JPEG"}
    return {"probability": probability, "verdict": verdict, "reason": reason, **size}


@pytest.fixture
def output(archive, tmp_path):
    """Two parts: a suspicious picture three times, one with a name that is markup, three without a number."""
    rows = [
        row(f"{archive}/copy.jpg", "0123", "ab" * 32, said("fake", 0.97)),
        row(f"{archive}/{SCRIPT}", "0123", "cd" * 32, said("unsure", 0.6)),
        row(f"{archive}/gone.jpg", "0123", None, unreadable("No such file <s>")),
        row(f"{archive}/small.png", "0123", "ef" * 32, said("cannot tell", None)),
        row(f"{archive}/away.jpg", "0123", None, unreadable("No such file <s>")),
        row(f"{archive}/{LINES}", "0123", "01" * 32, said("genuine", 0.02)),
    ]
    again = [row(f"{archive}/{name}", "0123", "ab" * 32, said("fake", 0.97)) for name in ("b.jpg", "c.jpg")]
    write_part(tmp_path / "out", 0, rows)
    write_part(tmp_path / "out", 1, again)
    return tmp_path / "out"


def test_figures_are_of_rows_and_of_different_pictures(output):
    found = tally(output, BY_NETWORK)
    assert found.pictures == {"fake": 3, "unreadable": 2, "unsure": 1, "cannot tell": 1, "genuine": 1}
    assert found.different == {"fake": 1, "unsure": 1, "cannot tell": 1, "genuine": 1}
    assert (found.histogram[19], found.histogram[12], found.histogram[0]) == (1, 1, 1)
    assert (found.n_judged, found.n_fake) == (3, 1)
    assert [each["probability"] for each in found.suspicious] == [0.97, 0.6, 0.02]
    assert [each["copies"] for each in found.suspicious] == [3, 1, 1]
    assert found.reasons == {"No such file <s>": 2}


def test_only_the_most_suspicious_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.screening.tally.MOST", 3)
    probabilities = [0.1, 0.9, 0.3, 0.9, 0.2, 0.5]
    hashes = [f"{n + 1:x}" + "0" * 63 for n in range(6)]
    rows = [row(str(n), "0", hashes[n], said("unsure", p)) for n, p in enumerate(probabilities)]
    write_part(tmp_path, 0, rows)
    kept = tally(tmp_path, BY_NETWORK).suspicious
    assert [(each["path"], each["probability"]) for each in kept] == [("1", 0.9), ("3", 0.9), ("5", 0.5)]


def test_expected_false_alarms_cover_what_chance_gives():
    """Genuine pictures judged by as many others: in 95 of 100 archives their number lies within."""
    expected = expected_false_alarms(1_000, BY_NETWORK)
    assert (expected.mean, expected.rate, expected.n_reference) == (20.0, 0.02, 99)
    random = np.random.default_rng(1)
    limits = np.sort(random.random((2_000, 99)), axis=1)[:, -2]  # a p-value of 2 in 100 begins there
    alarms = (random.random((2_000, 1_000)) >= limits[:, None]).sum(axis=1)
    inside = ((alarms >= expected.low) & (alarms <= expected.high)).mean()
    assert 0.93 <= inside <= 0.97
    assert expected_false_alarms(0, BY_NETWORK)[:3] == (0.0, 0, 0)


@pytest.mark.parametrize(
    ("n_fake", "level", "says"),
    [
        (12, "note", "no more than chance"),
        (30, "warning", "about 20 "),
        (500, "bad", "500 pictures called"),
    ],
)
def test_the_page_says_what_a_number_of_fakes_is_worth(n_fake, level, says):
    found = finding(n_fake, Expected(20.0, 4, 28, 0.02, 99))
    assert found["level"] == level
    assert says in found["title"]


def test_a_page_escapes_all_that_comes_from_outside_and_loads_nothing(output):
    write_bytes(map_path(output / "maps", "ab" * 32), b"a map")
    page = write_page(output, tally(output, BY_NETWORK), ABOUT).read_text(encoding="utf-8")
    read = Page(page)
    assert "script" not in read.tags
    assert not {"b", "i", "u", "s"} & set(read.tags)
    assert r"two\nlines.png" in read.text
    assert "<script>alert(1).png" in read.text
    pictures = [each for each in read.loaded if each.startswith("data:image/jpeg")]
    others = [each for each in read.loaded if not each.startswith("data:")]
    assert len(pictures) == 3
    assert others == [f"maps/ab/{'ab' * 32}.jpg"]
    assert "3 copies" in read.text


def test_a_picture_that_is_gone_has_no_thumbnail(output, monkeypatch):
    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(screening_page, "open_binary", gone)
    write_page(output, tally(output, BY_NETWORK), ABOUT)
    assert (output / PAGE).read_text(encoding="utf-8").count("not there any more") == 3


def test_a_histogram_shows_one_picture_beside_a_million():
    svg = draw_histogram([1_000_000, *[0] * 18, 1], 0.97)
    heights = [float(each) for each in re.findall(r'<rect [^>]*height="([\d.]+)"', svg)]
    assert len(heights) == 20
    assert max(heights) == heights[0]
    assert 5 < heights[19] < heights[0] / 10
    assert heights[1] == 0
    assert "1,000,001 pictures" in svg


def test_an_archive_of_nothing_readable_has_a_page_too(tmp_path):
    write_part(tmp_path, 0, [row("a.jpg", "0", None, unreadable("gone"))])
    page = write_page(tmp_path, tally(tmp_path, BY_NETWORK), ABOUT)
    assert "No picture could be judged" in Page(page.read_text(encoding="utf-8")).text
