"""What the site (mkdocs.yml) has beside the pages of this folder: those of the root, and the API's.

Pages stay as they are read in the repository: links are rewritten to where a page is on the site.
"""

import ast
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline"
# Pages of the root -> what they are called on the site.
OF_ROOT = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
OTHERS = {"LICENSE": "license.txt"}
BY_PERSON = ("newcomer.md", "analyst.md", "researcher.md", "engineer.md")
_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n *\S.*)*", re.MULTILINE)
_OF_NO_ROOM = "commands"
_LINK = re.compile(r"(\]\()([^)\s#]*)([^)\s]*\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List all pages: the persons', then what everybody looks up, decisions, evidence, the API."""
    decisions, evidence = ([f"{name}/README.md", *_pages(name)] for name in ("decisions", "evidence"))
    reference = [name for name in _pages("") if name not in BY_PERSON]
    config.nav = [
        "index.md",
        *BY_PERSON,
        {"Reference": [*reference, "contributing.md", "changelog.md"]},
        {"Evidence": evidence},
        {"Decisions": decisions},
        {"API": ["api/index.md", *(f"api/{room}.md" for room in _rooms())]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in this folder."""
    for source, target in {**OF_ROOT, **OTHERS}.items():
        content = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=content))
    rooms = _rooms()
    for room, modules in rooms.items():
        page = "\n".join([f"# {room}\n", *(f"::: {module}\n" for module in modules)])
        files.append(File.generated(config, f"api/{room}.md", content=page))
    told = {room: _first_sentence(modules[0]) for room, modules in rooms.items()}
    told[_OF_NO_ROOM] = "The commands, and what they stand on."
    lines = [f"| [{room}]({room}.md) | {words} |" for room, words in told.items()]
    index = "\n".join(
        ["# The API\n", "From the docstrings, a page a room.\n", "| room | |\n| --- | --- |", *lines]
    )
    files.append(File.generated(config, "api/index.md", content=index))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links between pages of the root and of this folder to where these are on the site."""
    here = page.file.src_uri
    names = {target: source for source, target in OF_ROOT.items()}
    source = names.get(here, f"docs/{here}")

    def rewritten(link: re.Match[str]) -> str:
        before, path, after = link.groups()
        if not path or re.match(r"[a-z]+:", path):
            return link[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        found = OF_ROOT.get(meant) or OTHERS.get(meant) or meant.removeprefix("docs/")
        return f"{before}{posixpath.relpath(found, posixpath.dirname(here) or '.')}{after}"

    return _LINK.sub(rewritten, markdown)


class Doctests(griffe.Extension):
    """Shows examples that a docstring has without a heading as code; Markdown reads `>>>` as a quotation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Put a fence around each."""
        if obj.docstring:
            obj.docstring.value = _EXAMPLE.sub(r"\1```pycon\n\g<0>\n\1```", obj.docstring.value)


def _pages(folder: str) -> Iterator[str]:
    """Yield the pages of a folder of the documents but its first, in the order of their names."""
    for path in sorted((ROOT / "docs" / folder).glob("*.md")):
        if path.name != "README.md":
            yield posixpath.join(folder, path.name)


def _rooms() -> dict[str, list[str]]:
    """Return the modules of each room; those at the root are the commands and what they stand on."""
    rooms: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] == "__init__":
            if len(parts) == 2 and path.stat().st_size:
                rooms[parts[0]].insert(0, f"pipeline.{parts[0]}")
        elif parts[-1] != "__main__":
            rooms[parts[0] if len(parts) > 1 else _OF_NO_ROOM].append(".".join(["pipeline", *parts]))
    return dict(sorted(rooms.items()))


def _first_sentence(module: str) -> str:
    base = ROOT.joinpath(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.split("\n\n")[0].replace("\n", " ")
