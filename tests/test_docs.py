"""The documents: what they name is there, and the commands of README and of the four pages work."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from pipeline.config import flatten, validate
from pipeline.usage import KEYS
from tests.conftest import ROOT, Repository, copy_of, edit_yaml, wait_until
from tests.servers import free_port

PAGES = ["README.md", *(f"docs/{name}.md" for name in ("newcomer", "analyst", "researcher", "engineer"))]
BY_PERSON = PAGES[1:]
CURRENT = [
    *PAGES,
    "docs/data.md",
    "docs/results.md",
    "docs/examine.md",
    "docs/architecture.md",
    "CONTRIBUTING.md",
]
ALL = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md")]
)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands_of(page: str) -> list[str]:
    """The lines of its ```sh blocks, joined where one ends in a backslash, and its Python blocks."""
    commands: list[str] = []
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        if language == "python":
            commands.append(f"python -c {shlex.quote(block)}")
        else:
            commands += filter(None, re.sub(r"\\\n *", "", block).splitlines())
    return commands


def quoted(page: str) -> list[str]:
    """All that a page shows as code: blocks, indented lines, and what stands between backticks."""
    text = re.sub(r"\\\n *", "", text_of(page))
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (.*)$", text, re.MULTILINE)
    inline = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [line for block in fenced for line in block.splitlines()] + indented + inline


def test_the_readme_is_no_wall():
    lines = text_of("README.md").splitlines()
    assert len(lines) <= 120
    assert max(len(line) for line in lines if not line.startswith(("|", "!"))) <= 130


@pytest.mark.parametrize("page", BY_PERSON)
def test_a_page_has_jobs_with_commands_and_is_short(page):
    text = text_of(page)
    assert len(text.splitlines()) <= 190
    assert text.count("\n## ") >= 5
    assert len(commands_of(page)) >= 5
    assert f"]({page})" in text_of("README.md")


def anchors(page: Path) -> set[str]:
    """Those of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings)
    return {re.sub(r"[^\w\- ]", "", each).strip().replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", ALL)
def test_links_and_pictures_are_there(page):
    for address in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", address):
            continue
        name, _, anchor = address.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), address
        assert not anchor or anchor in anchors(target), address


# What they name.


@pytest.fixture(scope="module")
def known():
    """Every key that some choice of conf/ has."""
    groups = ("model", "data", "inputs", "train", "compute", "convert", "split")
    choices = [f"{group}={path.stem}" for group in groups for path in (ROOT / "conf" / group).glob("*.yaml")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        composed = [compose("config", overrides=[choice]) for choice in choices]
    return {key for each in composed for key in flatten(OmegaConf.to_container(each, resolve=False))}


@pytest.mark.parametrize("page", CURRENT)
def test_commands_keys_and_choices_that_a_page_names_exist(page, known):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for code in quoted(page):
        for command in re.findall(r"python -m pipeline\.(\w+)", code):
            assert command in KEYS, code
        for module in re.findall(r"python -m ((?:benchmarks|tests)\.\w+)", code):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), code
        for target in re.findall(r"(?:^|then )make ([a-z-]+)", code):
            assert target in targets, code
        for key, value in re.findall(r"(?:^|[\s'`])\+{0,2}([a-z_0-9]+(?:\.[a-z_0-9]+)*)=(\S*)", code):
            if (ROOT / "conf" / key).is_dir():
                names = re.sub(r"[^\w,].*", "", value).split(",")
                files = [ROOT / "conf" / key / f"{name}.yaml" for name in names if name]
                assert all(path.is_file() for path in files) or value in {"null", "auto"}, code
            elif "." in key and not key.startswith("hydra."):
                assert any(each == key or each.startswith(f"{key}.") for each in known), code


def overrides_of(code: str) -> list[str]:
    """The choices of a command that composes the configuration, of a sweep the first of each."""
    found = re.search(r"(?:python -m pipeline\.\w+|dvc exp run)(.*)", code)
    words = shlex.split(found[1].replace("…", ""), comments=True) if found else []
    choices = [word for word in words if re.match(r"[a-z_./0-9]+=[^\[]", word)]
    return [re.sub(r"(?<=\w),.*", "", choice) for choice in choices]


@pytest.mark.parametrize("page", CURRENT)
def test_the_settings_of_a_command_are_valid(page):
    commands = {tuple(overrides_of(code.strip())) for code in quoted(page)}
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for overrides in sorted(commands - {()}):
            validate(compose("config", overrides=list(overrides)))


# What they do.

STORE = """
import json, mlflow
client = mlflow.MlflowClient("sqlite:///mlflow.db")
places = [each.experiment_id for each in client.search_experiments()]
runs = client.search_runs(places, "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"])
print(json.dumps([run.info.run_id for run in runs if "test/roc_auc" in run.data.metrics]))
"""


class Reader:
    """Somebody with pictures at home, a repository and a terminal, who does what a page says."""

    def __init__(self, repository: Repository, home: Path) -> None:
        self.repository = repository
        self.home = home
        self.folder = repository.folder
        self.port = free_port()

    def do(self, command: str) -> str:
        """Run a command to its end, which must be a good one, and return what it said."""
        command = self.filled_in(command)
        if command.startswith("cd "):
            self.folder = self.repository.folder if command == "cd -" else self.folder / command[3:]
            return ""
        ended = subprocess.run(["bash", "-c", command], **self._surroundings(), stdout=subprocess.PIPE)
        assert ended.returncode == 0, f"{command} ended with {ended.returncode}:\n{ended.stdout}"
        assert "Traceback" not in ended.stdout, f"{command}:\n{ended.stdout}"
        return ended.stdout

    @contextlib.contextmanager
    def serving(self, command: str, port: int) -> Iterator[None]:
        """Start a server, wait until it answers, and end it."""
        log = self.repository.folder.parent / "server.txt"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                ["bash", "-c", self.filled_in(command)], **self._surroundings(), stdout=output,
                start_new_session=True,
            )  # fmt: skip
        try:
            wait_until(lambda: process.poll() is not None or answers(port), 120, pause=0.2)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert answers(port)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def filled_in(self, command: str) -> str:
        """Put what this reader has in the place of what a page calls NAME, RUN, 5000."""
        command = re.sub(r"^make (?!-)", "make -o .venv/installed ", command)
        command = command.replace("5000", str(self.port)).replace("5001", str(self.port))
        command = command.replace("/abs", str(self.home)).replace("ADDRESS", str(self.home / "origin.git"))
        if "NAME" in command:
            # As a page's reader takes the name that a run ended with: the newest, by the time in it.
            listed = self.repository.run(*DVC, "exp", "list", "--name-only").split()
            names = sorted(listed, key=lambda name: name.split("-")[-2:], reverse=True)
            command = command.replace("NAME_A", names[0]).replace("NAME_B", names[-1])
            command = command.replace("NAME", names[0])
        if "RUN_A" in command:
            runs = self.repository.answer(STORE)
            command = command.replace("RUN_A", runs[0]).replace("RUN_B", runs[1])
        return command

    def _surroundings(self) -> dict:
        environment = self.repository.environment(HOME=str(self.home), MLFLOW_PORT=str(self.port))
        return {"cwd": self.folder, "env": environment, "stderr": subprocess.STDOUT, "text": True}


DVC = (sys.executable, "-m", "dvc")
SERVERS = ("make ui", "make app", "mlflow models serve")
APP_PORT = 7860  # of `make app`, as it says
NOT_HERE = {"make test": "make -n test"}  # it would run this very test


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # a server that knows no such page
    except OSError:
        return False


@pytest.fixture(scope="module")
def reader(reproduced, made_once, tmp_path_factory):
    """One with a tiny repository that has been run on the sample and on two dozen photographs."""

    def move_in(home):
        repository = copy_of(reproduced, home / "repository")
        (repository.folder / ".venv").symlink_to(sys.prefix)
        shorter = {
            "conf/train/resized.yaml": {"epochs": 1},
            "conf/evaluate/default.yaml": {"robustness": None},
        }
        for name, values in shorter.items():
            edit_yaml(repository.folder / name, values)
        repository.stage("params", "write")
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        repository.run("git", *identity, "commit", "-qam", "shorter")
        for number in range(28):
            picture = home / "photos" / ("genuine", "fake")[number % 2] / f"{number}.jpg"
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((96, 64), 40 + number).convert("RGB").save(picture, quality=90)
        shutil.copy(picture, repository.folder / "photo.jpg")
        shutil.copytree(home / "photos" / "genuine", home / "camera")
        shutil.copytree(home / "camera", repository.folder / "camera")
        repository.run("git", "init", "-q", "--bare", str(home / "origin.git"))
        repository.run("git", "remote", "add", "origin", str(home / "origin.git"))
        repository.run("git", "push", "-q", "origin", "HEAD")
        Reader(repository, home).do("make repro ROOT=~/photos")

    home, _ = made_once("home", move_in)
    own = copy_of(Repository(home / "repository"), tmp_path_factory.mktemp("reader") / "repository")
    return Reader(own, home)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_do_what_it_says(reader, page):
    servers = contextlib.ExitStack()
    with servers:
        for command in commands_of(page):
            if command.startswith(SERVERS):
                servers.close()
                port = APP_PORT if command == "make app" else reader.port
                servers.enter_context(reader.serving(command, port))
            else:
                reader.do(NOT_HERE.get(command, command))
            if command.startswith("dvc queue start"):
                wait_until(
                    lambda: not re.search("Queued|Running", reader.do("dvc queue status")), 300, pause=0.2
                )
                assert "Failed" not in reader.do("dvc queue status")
