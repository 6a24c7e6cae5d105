"""One run in MLflow. Nothing but this, `run_store.py` and `registry.py` imports it.

Everything that is sent is also on disk (`models/`, `reports/`), so a lost server loses nothing:
`python -m pipeline.runs send` finds the run again by its key and sends what is missing.
"""

import contextlib
import io
import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import registry
from pipeline.errors import UserError
from pipeline.models.detector_files import LOGGED, RUN_FILE, TRAINED
from pipeline.run_store import (
    NotRecorded,
    connect,
    first_line,
    needing_the_store,
    repository,
    shown_address,
    store_address,
    store_names,
)
from pipeline.source_closure import copy_closure

RUN_KEY = "run_key"  # tag: the identity that we give a run before any server knows it
STEP_COLUMN = "epoch"
_DISTRIBUTION = "fake-image-detection"  # whose dependencies, without extras, are what predicts
LOADER = "pipeline.detector.served"  # whose `_load_pyfunc` makes the detector that MLflow was given
_ANSWERS = {
    **{"probability_fake": "double", "verdict": "string", "reason": "string", "p_value": "double"},
    **{"threshold": "double", "error": "string"},
}


@dataclass
class Tracker:
    """One run in the store, opened by `start` or found again by `find`."""

    client: Any
    run_id: str

    @classmethod
    def start(
        cls, experiment: str, name: str, tags: Mapping[str, str], parent: str | None = None
    ) -> "Tracker":
        """Open a run; artifacts of the local store go beneath `<repository>/mlruns`."""
        client = connect()
        found = client.get_experiment_by_name(experiment)
        if found and found.lifecycle_stage == "deleted":
            raise NotRecorded(
                f"the experiment {experiment!r} was deleted in MLflow at {shown_address()}",
                f"restore it (mlflow experiments restore -x {found.experiment_id}), or choose another name "
                "(tracking.experiment=…)",
            )
        if found:
            _refuse_moved_store(found.artifact_location)
        experiment_id = found.experiment_id if found else _create_experiment(client, experiment)
        extra = {"mlflow.parentRunId": parent} if parent else {}
        run = client.create_run(experiment_id, run_name=name, tags={**tags, **extra})
        return cls(client, run.info.run_id)

    @classmethod
    def find(cls, record: Mapping[str, Any]) -> "Tracker | None":
        """Return the run of a `run.json`, by its id or, if it was written without a server, by its key."""
        import mlflow

        client = connect()
        if record["run_id"]:
            with contextlib.suppress(mlflow.exceptions.MlflowException):
                return cls(client, client.get_run(record["run_id"]).info.run_id)
        experiments = [each.experiment_id for each in client.search_experiments()]
        runs = client.search_runs(experiments, f"tags.{RUN_KEY} = '{record[RUN_KEY]}'", max_results=1)
        return cls(client, runs[0].info.run_id) if runs else None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log the flattened configuration; a second time changes nothing."""
        from mlflow.entities import Param

        names = store_names(params)
        values = [Param(names[key], str(value)[:6000]) for key, value in params.items()]
        for start in range(0, len(values), 100):  # the store's limit for one call
            self.client.log_batch(self.run_id, params=values[start : start + 100])

    def log_metrics(self, metrics: Mapping[str, float | None], step: int = 0) -> None:
        """Log what is a number; None (a metric that is not defined here) is left out."""
        from mlflow.entities import Metric

        now, names = int(time.time() * 1000), store_names(metrics)
        numbers = [
            Metric(names[key], float(value), now, step) for key, value in metrics.items() if value is not None
        ]
        for start in range(0, len(numbers), 1000):
            self.client.log_batch(self.run_id, metrics=numbers[start : start + 1000])

    def log_history(self, history: pd.DataFrame) -> None:
        """Log the epochs that the store does not have yet."""
        keys = [key for key in history.columns if key != STEP_COLUMN]
        known = {entry.step for entry in self.client.get_metric_history(self.run_id, keys[0])}
        for row in history.to_dict("records"):
            if row[STEP_COLUMN] not in known:
                self.log_metrics({key: row[key] for key in keys}, step=int(row[STEP_COLUMN]))

    def log_tables(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Record the manifests that went in: name -> its `path` and `sha256`."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(name, table["sha256"][:36], "local", json.dumps({"uri": table["path"]})),
                [InputTag("mlflow.data.context", name)],
            )
            for name, table in tables.items()
        ]
        self.client.log_inputs(self.run_id, inputs)

    def log_files(self, *files: Path) -> None:
        """Log files and folders as artifacts, those that are there."""
        for path in files:
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), path.name)
            elif path.is_file():
                self.client.log_artifact(self.run_id, str(path))

    def describe(self, text: str, replace: bool) -> None:
        """Set the description that the run's page shows (Markdown); leave an earlier one unless `replace`."""
        from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

        if replace or MLFLOW_RUN_NOTE not in self.client.get_run(self.run_id).data.tags:
            self.client.set_tag(self.run_id, MLFLOW_RUN_NOTE, text)

    def log_text(self, text: str, name: str) -> None:
        """Log `text` as the artifact `name`."""
        self.client.log_text(self.run_id, text, name)

    def log_detector(self, models: Path, serving: Mapping[str, Any], decided: str) -> str:
        """Log the detector as a model that `mlflow.pyfunc` loads, and register it, once a decision.

        It takes a column `image` with encoded bytes and answers as `predict` does. `serving` is what whoever
        loads it may choose otherwise (`pipeline.detector.served`), such as a folder for the column `path`;
        `decided` a hash of the decision. Of several the newest version is the run's detector.
        With it goes the code that it needs, and no more; the requirements are given because inferring them
        takes 13 s; no pickle is involved.

        Returns:
            the address in the registry, such as `models:/detector/3`.
        """
        import mlflow

        if known := registry.newest_of(self.client, self.run_id, decided):
            return registry.address_of(known)
        with (
            tempfile.TemporaryDirectory() as folder,
            mlflow.start_run(run_id=self.run_id, log_system_metrics=False),
        ):
            logged = mlflow.pyfunc.log_model(
                name=LOGGED,
                loader_module=LOADER,
                data_path=str(models),
                code_paths=[str(copy_closure(LOADER, Path(folder)))],
                input_example=pd.DataFrame({"image": [_example()]}),
                model_config=dict(serving),
                signature=signature(),
                pip_requirements=requirements(),
            )
        return registry.address_of(registry.register(self.client, self.run_id, logged.model_id, decided))

    def log_beside_detector(self, *files: Path) -> None:
        """Put files into the folder of the run's newest version, over earlier ones: they go where it goes."""
        if version := registry.newest_of(self.client, self.run_id):
            for path in filter(Path.is_file, files):
                self.client.log_model_artifact(registry.model_of(version), str(path))

    def end(self, status: str = "FINISHED") -> None:
        """Close the run."""
        self.client.set_terminated(self.run_id, status)


def _example() -> bytes:
    """Return a JPEG that shows what the model takes: a drawn one, because nobody's pictures go along."""
    from PIL import Image

    with io.BytesIO() as file:
        Image.radial_gradient("L").save(file, "JPEG")
        return file.getvalue()


def signature() -> Any:
    """Return what the logged model takes and answers."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    # Bytes, or base64 of them, which the model decodes itself: of a binary column MLflow decodes only some
    # kinds of requests, and refuses all rows where one of them is empty.
    return ModelSignature(
        Schema([ColSpec(AnyType(), "image"), ColSpec("string", "path", required=False)]),
        Schema([ColSpec(kind, name, required=name == "threshold") for name, kind in _ANSWERS.items()]),
    )


def requirements() -> list[str]:
    """Return what a logged detector needs, at the versions that are running: what predicts, nothing else.

    >>> any(each.startswith(("tensorflow", "keras", "hydra")) for each in requirements())
    False
    """
    from importlib.metadata import requires, version

    needed = [each for each in requires(_DISTRIBUTION) or [] if "extra ==" not in each]
    names = [re.match(r"[\w.-]+", each)[0] for each in needed]  # type: ignore[index]
    return [f"{name}=={version(name)}" for name in names]


def data_name(name: str, root: str) -> str:
    """Return what runs call the data: two folders of a user's (data=folders) by the folder that holds them.

    >>> data_name("casia", "data/raw"), data_name("folders", "/home/a/photos")
    ('casia', 'photos')
    """
    return Path(root).name if name == "folders" else name


def run_of(address: str) -> str:
    """Return the id of a run that is given by its id or, as reports and the terminal say, by its address.

    >>> run_of("runs:/cbf727fafd2a4114b2ef2933196d07f5/model")
    'cbf727fafd2a4114b2ef2933196d07f5'
    """
    return address.removeprefix("runs:/").partition("/")[0]


def find_run(given: str) -> tuple[str, str]:
    """Return the id of a run, and how a person calls it, by its address, the start of its id, or its name.

    What no run is called by is returned as it is: whoever fetches something of it says so.

    Raises:
        UserError: several runs are called so.
    """
    start = run_of(given)
    with needing_the_store():
        client = connect()
        experiments = [each.experiment_id for each in client.search_experiments()]
        page = client.search_runs(experiments, max_results=1000)
        runs = [*page]
        while page.token:
            page = client.search_runs(experiments, max_results=1000, page_token=page.token)
            runs += page
    found = [run.info for run in runs if run.info.run_id.startswith(start)]
    found = found or [run.info for run in runs if run.info.run_name == given]
    if len(found) > 1:
        known = ", ".join(f"{info.run_id[:12]} ({info.run_name})" for info in found[:5])
        raise UserError(f"{given}: {len(found)} runs are called so; write more of the id: {known}")
    return (found[0].run_id, f"{found[0].run_name} ({found[0].run_id[:8]})") if found else (start, given)


def fetch(run: str, folder: Path) -> Path:
    """Download a detector; return the folder that holds its files.

    Args:
        run: the id of its run, the start of it, its name, or an address: `runs:/…` as reports say it,
            `models:/…` as MLflow's pages do.
        folder: where to.

    Raises:
        UserError: there is no such run, or it has no detector that this version knows.
    """
    import mlflow

    client = connect()
    try:
        address = run if run.startswith("models:/") else _newest_model(client, find_run(run)[0])
        local = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(folder)))
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise _not_fetched(f"MLflow run {run} cannot be read", error) from error
    if not (found := sorted(local.rglob(f"{TRAINED}/{RUN_FILE}"))):
        raise UserError(
            f"{run}: its detector was logged by an earlier version of this program; train it again"
        )
    return found[0].parents[1]


def _newest_model(client: Any, run_id: str) -> str:
    outputs = client.get_run(run_id).outputs
    if version := registry.newest_of(client, run_id):
        return registry.address_of(version)
    if not (outputs and outputs.model_outputs):
        raise UserError(f"MLflow run {run_id} has no detector; choose one whose training ended")
    return f"models:/{outputs.model_outputs[-1].model_id}"


def fetch_file(run_id: str, name: str, folder: Path) -> Path:
    """Download one artifact of a run into `folder`.

    Raises:
        UserError: there is no such run, or it has no such file.
    """
    import mlflow

    client, run_id = connect(), run_of(run_id)
    try:
        return Path(client.download_artifacts(run_id, name, str(folder)))
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise _not_fetched(f"MLflow run {run_id} has no {name}", error) from error


def fetch_beside(address: str, name: str, folder: Path) -> Path | None:
    """Download a file that lies beside a logged detector; None where there is none of that name.

    Args:
        address: of the detector, such as `models:/detector/3`.
        name: of the file.
        folder: where to.
    """
    import mlflow

    try:
        there = {each.path for each in mlflow.artifacts.list_artifacts(address)}
        if name not in there:
            return None
        return Path(mlflow.artifacts.download_artifacts(f"{address}/{name}", dst_path=str(folder)))
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise _not_fetched(f"{name} of {address} cannot be read", error) from error


def _not_fetched(what: str, error: Exception) -> UserError:
    return UserError(
        f"{what} at {shown_address()}: {first_line(error)}. List the runs with mlflow ui; if the repository "
        "was moved: python -m pipeline.runs relocate"
    )


def _refuse_moved_store(location: str) -> None:
    """Raise before artifacts are written to where the repository was: the store keeps absolute paths."""
    here = (repository() / "mlruns").as_uri()
    if store_address().startswith("sqlite:///") and location.startswith("file:") and location != here:
        raise UserError(
            f"this repository was moved: its MLflow store still points to {location}, not to {here}; "
            "mend it with: python -m pipeline.runs relocate"
        )


def _create_experiment(client: Any, name: str) -> str:
    """Make the experiment; the local store keeps its artifacts beneath the repository."""
    import mlflow

    local = store_address().startswith("sqlite:")
    location = (repository() / "mlruns").as_uri() if local else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except mlflow.exceptions.MlflowException:  # a parallel worker was faster
        return str(client.get_experiment_by_name(name).experiment_id)
