"""What others take along: the image of the predicting environment, the notebook, the citation, the site."""

import datetime
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("left_open_by_others")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


# The image. There is no Docker here: its instructions are read.


def instructions():
    """(name, rest) of each instruction, in order."""
    lines = re.sub(r"\\\n\s*", "", text_of("Dockerfile")).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip() and not line.startswith("#")]


def kept_out(path):
    """Whether `.dockerignore` keeps a path of the repository out of what Docker is given."""
    out = False
    for line in text_of(".dockerignore").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        if line and not line.startswith("#") and any(fnmatch.fnmatch(part, pattern) for part in path.parts):
            out = not line.startswith("!")
    return out


def test_the_image_copies_what_is_there_and_given_to_it_and_no_data():
    copied = [path for name, rest in instructions() if name == "COPY" for path in rest.split()[:-1]]
    assert "pipeline" in copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert not kept_out(Path(path)), path
    assert PROJECT["readme"] in copied, "the package is not built without"
    assert set(PROJECT["license-files"]) <= set(copied)
    for private in ("data/raw/a.jpg", "models/decision.json", "mlflow.db", ".git/config", ".venv/bin/python"):
        assert kept_out(Path(private)), private


def test_the_image_is_the_base_install_of_a_python_that_is_supported_by_no_root():
    by_name = dict(instructions())
    assert by_name["FROM"] == "python:3.12-slim"
    assert "3.12" in ("3.11", "3.12", "3.13")
    installs = re.findall(r"pip install (.*?)(?: &&|$)", by_name["RUN"])
    assert installs == ["--no-cache-dir /source"], "no extra, and no address of a registry"
    assert not re.search(r"https?:|index-url|\w+\.\w+/\w+:", text_of("Dockerfile"))
    names = [name for name, _ in instructions()]
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert by_name["USER"] not in ("root", "0")
    assert by_name["ENTRYPOINT"] == '["fakes"]'
    assert PROJECT["scripts"]["fakes"] == "pipeline.__main__:main"


# The citation.


def test_the_citation_is_one():
    """By the schema of https://citation-file-format.github.io, as far as it is used here."""
    cited = yaml.safe_load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["cff-version"] == "1.2.0"
    assert cited["type"] == "software"
    assert cited["license"] == PROJECT["license"]
    assert cited["version"] == PROJECT["version"]
    assert all({"name"} <= set(author) or {"family-names"} <= set(author) for author in cited["authors"])
    assert all(isinstance(word, str) for word in cited["keywords"])
    assert isinstance(cited.get("date-released", datetime.date.today()), datetime.date)


# The notebook.


def notebook():
    return nbformat.read(ROOT / "docs/first_look.ipynb", as_version=4)


def test_the_notebook_is_short_and_has_no_answers_in_it():
    cells = [cell for cell in notebook().cells if cell.cell_type == "code"]
    assert len(cells) <= 6
    assert not any(cell.outputs or cell.execution_count for cell in cells), "clear them: pictures stay out"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what Jupyter warns of itself
def test_the_notebook_goes_from_a_detector_to_a_verdict_with_a_map(reproduced, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(reproduced.folder / "models")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    ran = notebook()
    for cell in ran.cells:  # pictures of the kind that the detector of the tests knows
        cell.source = cell.source.replace("width=384, height=256", "width=96, height=64")
    NotebookClient(ran, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert said.startswith("detector ")
    assert re.search(r"fake +([01]\.\d{3}|–) +(fake|unsure|no trace found|genuine|cannot tell): ", said)
    assert "copy_move" in said
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["models"], "nothing is left"


# The site.


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does it."""
    assert "mkdocs build --strict" in text_of("Makefile")
    folder = tmp_path_factory.mktemp("site")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.mark.slow
def test_the_site_has_every_page_and_every_module(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    names = {page.with_name("index.html") if page.name == "README.html" else page for page in pages}
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    assert names | {Path("index.html"), Path("contributing.html"), Path("changelog.html")} <= built
    start = (site / "index.html").read_text(encoding="utf-8")
    for page in sorted(names):
        assert f'href="{page.as_posix()}"' in start, f"{page} is not in the navigation"
    api = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    for module in sorted((ROOT / "pipeline").rglob("[a-z]*.py")):
        name = ".".join(module.relative_to(ROOT).with_suffix("").parts)
        assert f'id="{name}"' in api, f"{name} is not among the API's pages"
    assert "Judge one picture." in api
    assert "&gt;&gt;&gt;" not in re.sub(r"<pre.*?</pre>", "", api, flags=re.DOTALL), (
        "an example is no quotation"
    )


@pytest.mark.slow
def test_the_site_asks_nothing_of_any_network(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link\b(?![^>]*rel=\"canonical\")[^>]*\bhref=\"([^\"]+)\"", text)
        assert not [address for address in loaded if re.match(r"(https?:)?//", address)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.slow
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path):
    for name in ("docs", "pipeline", "mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / "docs" / "gpu.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](engineer.md#no-such-heading)\n")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=tmp_path, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "no-such-heading" in ended.stdout + ended.stderr
