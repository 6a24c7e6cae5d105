"""The direction of imports: a package knows only what stands to its left."""

from tests.source_imports import PACKAGE, closure, imports_of, our_files

BASE = ["__init__", "errors", "storage", "checking", "config", "parallel"]
PACKAGES = [
    "images",
    "conversion",
    "datasets",
    "forgery",
    "inputs",
    "models",
    "detector",
    "training",
    "evaluation",
    "auditing",
    "reports",
]
STAGES = ["params", "sample", "convert", "manifest", "audit", "gate", "train", "evaluate"]
COMMANDS = ["experiment", "search", "predict", "score", "compare", "runs", "summary"]
ORDER = {name: place for place, name in enumerate(BASE + PACKAGES)}


def _room(path):
    """The package, or the module at the root, that a file belongs to."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def test_packages_import_only_to_their_left():
    broken = [
        f"{path.relative_to(PACKAGE)} imports {target.relative_to(PACKAGE)}"
        for path in our_files()
        for target in imports_of(path)
        if _room(path) in ORDER
        and _room(path) != _room(target)
        and ORDER.get(_room(target), len(ORDER)) >= ORDER[_room(path)]
    ]
    assert not broken, broken


def test_stages_do_not_import_one_another():
    broken = [
        f"{stage} imports {_room(target)}"
        for stage in STAGES
        for target in imports_of(PACKAGE / f"{stage}.py")
        if _room(target) in set(STAGES + COMMANDS) - {stage}
    ]
    assert not broken, broken


def test_no_cycles_between_files():
    broken = [
        str(path.relative_to(PACKAGE))
        for path in our_files()
        if path.name != "__init__.py"
        and any(path in closure(target) for target in imports_of(path) if target.name != "__init__.py")
    ]
    assert not broken, broken


def test_only_tracking_imports_mlflow():
    importing = [
        str(path.relative_to(PACKAGE))
        for path in our_files()
        if "import mlflow" in path.read_text(encoding="utf-8")
        or "from mlflow" in path.read_text(encoding="utf-8")
    ]
    assert importing == ["tracking.py"]


def test_packages_know_nothing_of_hydra_dvc_and_the_environment():
    words = ("import hydra", "from hydra", "import dvc", "os.environ", "sys.argv", "argparse")
    broken = [
        f"{path.relative_to(PACKAGE)}: {word}"
        for path in our_files()
        if _room(path) in PACKAGES
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not broken, broken
