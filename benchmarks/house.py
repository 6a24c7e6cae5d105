"""How large the house is, and how many doors a reader opens to follow one thing through it.

    python -m benchmarks.house [--files] [--picture docs/images/house.svg]

Counts files, lines and arrows between rooms from the source. Then traces four walks and counts the files of
`pipeline/` in which a function runs: what `predict` does with one JPEG, how `test.roc_auc` and its interval
come from predictions, how the report's first sentence comes from an evaluation, how one batch is made. They
are walked on what `make repro` left here; without it they are not measured. With --files the files of each
walk are listed; with --picture the house is drawn.
"""

import argparse
import ast
import json
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

matplotlib.use("agg")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipeline"
# From the ground up: a room imports only from floors below its own, or from its left on the same floor.
FLOORS = (
    ("errors", "surroundings", "storage", "checking", "config_data", "config", "parallel"),
    ("images",),
    ("evidence",),
    ("conversion", "datasets", "forgery"),
    ("inputs",),
    ("models",),
    ("detector",),
    ("training", "evaluation", "examination", "screening"),
    ("auditing",),
    ("reports",),
    ("web",),
    (
        *("usage", "composition", "stage", "run_store", "source_closure", "registry", "tracking", "records"),
        "decision_record",
        "sweeps",
    ),
    (
        "sample",
        "pictures",
        "convert",
        "manifest",
        "measure",
        "audit",
        "gate",
        "train",
        "calibrate",
        "evaluate",
    ),
    (
        *("predict", "examine", "app", "screen", "score", "compare", "promote", "experiment", "search"),
        *("runs", "params", "summary", "repro", "__main__"),
    ),
)
_ROOMS_ABREAST = 7
_MOST_LINES, _MOST_IN_FUNCTION = 400, 60
_HEAVY = ("tensorflow", "hydra", "mlflow", "sklearn", "pandas")


def main() -> None:
    """Print the table; draw the house where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.house", description=__doc__)
    parser.add_argument("--files", action="store_true", help="list the files of each walk")
    parser.add_argument("--picture", type=Path, help="draw the house here")
    asked = parser.parse_args()
    for name, value in sizes().items():
        print(f"{name:<58} {value}")
    for name, files in walks().items():
        print(f"{'files a reader opens: ' + name:<58} {len(files) if files else 'not measured: make repro'}")
        if asked.files:
            print("".join(f"    {each}\n" for each in files), end="")
    print(f"{'predict --help imports / takes':<58} {predict_help()}")
    if asked.picture:
        draw_house(asked.picture)


def sizes() -> dict[str, str | int]:
    """Count files and lines of `pipeline/` and `tests/`, long ones among them, and what breaks the order."""
    files = sorted(PACKAGE.rglob("*.py"))
    lines = {path: _lines(path) for path in files}
    rooms = {path: n for path, n in lines.items() if path.name != "__init__.py"}
    names = Counter(path.name for path in rooms)
    tests = sorted((ROOT / "tests").rglob("*.py"))
    functions = [
        node.end_lineno - node.lineno + 1
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    arrows = package_arrows()
    return {
        "files in pipeline/": len(files),
        "lines in pipeline/": sum(lines.values()),
        "median lines a file, without __init__": int(statistics.median(rooms.values())),
        f"files over {_MOST_LINES} lines": _named(path for path, n in lines.items() if n > _MOST_LINES),
        f"functions over {_MOST_IN_FUNCTION} lines": sum(n > _MOST_IN_FUNCTION for n in functions),
        "file names in two packages": sum(n > 1 for n in names.values()),
        "import cycles between packages, arrows to the right": len(_against_the_order(arrows)),
        "lines of dvc.yaml": _lines(ROOT / "dvc.yaml"),
        "test files": len(tests),
        "lines of tests": sum(map(_lines, tests)),
    }


def package_arrows() -> Counter[tuple[str, str]]:
    """Count imports from one package (or module at the root) of `pipeline/` into another."""
    arrows: Counter[tuple[str, str]] = Counter()
    for path in PACKAGE.rglob("*.py"):
        home = _room(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pipeline":
                parts = (node.module or "").split(".")[1:]
                for target in {_room(parts or (alias.name,)) for alias in node.names} - {home}:
                    arrows[home, target] += 1
    return arrows


def walks() -> dict[str, list[str]]:
    """List, for each of the four walks, the files of `pipeline/` that it enters; none without a run here."""
    if not (ROOT / "reports" / "metrics.json").is_file():
        return {name: [] for name in WALKS}
    return {name: _traced(script) for name, script in WALKS.items()}


# Each a script that calls `walk` with what is to be followed; imports done before it count nothing.
WALKS = {
    "one JPEG through predict": """
import pandas as pd
from pipeline.detector.detector import Detector
from pipeline.predict import expand, predict
asked = expand(pd.read_csv("data/manifest/test.csv")["path"].iloc[0])
walk(lambda: list(predict(asked, Detector.load(Path("models")))))
""",
    "test.roc_auc and its interval": """
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.results import Results
from pipeline.evaluation.subsets import measure_results
given = Results.load(Path("reports/evaluation"), Path("reports/metrics.json"), 0.95)
draws = Bootstrap(100, 0.95, 1)
walk(lambda: measure_results(given.predictions, given.crops, given.threshold, (), draws).headline())
""",
    "the report's first sentence": """
from pipeline.evaluation.results import Results
from pipeline.reports.trust import believe, conclude
given = Results.load(Path("reports/evaluation"), Path("reports/metrics.json"), 0.95)
walk(lambda: conclude(believe(given)))
""",
    "a training batch": """
import yaml
from pipeline.config import validate
from pipeline.datasets.tables import read_table, with_sources
from pipeline.inputs.batches import training_batches
from pipeline.inputs.cache import PictureCache
config = validate(yaml.safe_load(Path("params.yaml").read_text()))
table = with_sources(read_table(Path("data/manifest/train.csv")), config.data.root)
settings = dict(seed=1, cache=PictureCache("none", 1.0), policy=config.convert.policy)
walk(lambda: training_batches(table, config.inputs, config.train, **settings).maker(0))
""",
}

# Runs a walk and prints the files in which a function ran, but for what only an import ran.
_TRACER = """
import json, sys, threading
from pathlib import Path
root, entered, home = Path.cwd() / "pipeline", set(), {}
def notice(frame, event, _):
    code = frame.f_code
    if event != "call" or code.co_filename in entered or not code.co_flags & 1:
        return
    if not code.co_filename.startswith(str(root)):
        return
    above = frame.f_back
    while above is not None:
        if "importlib._bootstrap" in above.f_code.co_filename:
            return
        above = above.f_back
    entered.add(code.co_filename)
def walk(function, *arguments):
    threading.setprofile(notice)
    sys.setprofile(notice)
    try:
        return function(*arguments)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
%s
print(json.dumps(sorted(Path(each).relative_to(root).as_posix() for each in entered)))
"""


def _traced(script: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", _TRACER % script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(ended.stderr)
    entered: list[str] = json.loads(ended.stdout.splitlines()[-1])
    return entered


def predict_help() -> str:
    """Return which heavy packages `predict --help` imports, and the fastest of three whole processes."""
    show = f"""
import runpy, sys
sys.argv = ["predict", "--help"]
try:
    runpy.run_module("pipeline.predict", run_name="__main__")
finally:
    print([each for each in {_HEAVY!r} if each in sys.modules])
"""
    ended = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=False
    )
    imported = ", ".join(ast.literal_eval(ended.stdout.splitlines()[-1])) or "none of them"
    return f"{imported} / {min(_seconds_of_help() for _ in range(3)):.2f} s"


def _seconds_of_help() -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipeline.predict", "--help"], cwd=ROOT, capture_output=True, check=True
    )
    return time.perf_counter() - began


def draw_house(target: Path) -> None:
    """Draw each room with its files and lines, floor on floor."""
    rooms = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__init__.py":
            rooms[_room(path.relative_to(PACKAGE).with_suffix("").parts)].append(path)
    with plt.rc_context({"svg.hashsalt": "house", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure, axes = plt.subplots(figsize=(10, 9.5))
        height = 0.0
        for floor in FLOORS:
            shown = [(name, rooms[name]) for name in floor if rooms[name]]
            n_rows = -(-len(shown) // _ROOMS_ABREAST)
            for row in np.array_split(np.arange(len(shown)), n_rows):  # longer names would overlap
                height = _draw_floor(axes, [shown[place] for place in row], height)
        axes.set(xlim=(0, 1), ylim=(0, height))
        axes.axis("off")
        figure.savefig(target, bbox_inches="tight", metadata={"Date": None})


def _draw_floor(axes: Axes, floor: list[tuple[str, list[Path]]], height: float) -> float:
    """Draw the rooms of one floor side by side; return the height of its ceiling."""
    columns = max(1, 7 // len(floor))
    files = {name: [path.stem for path in paths if path.parent != PACKAGE] for name, paths in floor}
    top = height + 0.8 + 0.5 * max(-(-len(stems) // columns) for stems in files.values())
    for number, (name, stems) in enumerate(files.items()):
        left, width = number / len(floor), 1 / len(floor)
        corner = (left + 0.004, height + 0.06)
        axes.add_patch(Rectangle(corner, width - 0.008, top - height - 0.12, fc="#f4f6f8", ec="#8a94a0"))
        axes.text(left + 0.012, top - 0.4, name, weight="bold", fontsize=8.5, va="center")
        for place, stem in enumerate(stems):
            across = left + 0.012 + (place % columns) * (width - 0.016) / columns
            axes.text(across, top - 0.9 - 0.5 * (place // columns), stem, fontsize=7, va="center")
    return top


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _named(paths: Iterable[Path]) -> str:
    return ", ".join(path.relative_to(PACKAGE).as_posix() for path in paths) or "0"


def _room(parts: Sequence[str]) -> str:
    return parts[0]


def _against_the_order(arrows: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    order = {name: place for place, name in enumerate(name for floor in FLOORS for name in floor)}
    return [pair for pair in arrows if order.get(pair[0], len(order)) <= order.get(pair[1], -1)]


if __name__ == "__main__":
    main()
