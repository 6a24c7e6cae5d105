"""MLflow's registry: each calibrated detector is a version of `detector`, one of which is the `champion`.

    models:/detector/3            that version
    models:/detector@champion     the one that `python -m pipeline.promote` chose last

A version is immutable and numbered from 1; it says of which run and of which decision it is.
"""

import contextlib
from typing import Any

from pipeline.errors import UserError
from pipeline.run_store import shown_address

DETECTOR = "detector"
CHAMPION = "champion"
CHAMPION_ADDRESS = f"models:/{DETECTOR}@{CHAMPION}"
_DECIDED = "decision"  # tag of a version: a hash of the decision with which the detector was logged


def address_of(version: Any) -> str:
    """Return the address from which `mlflow.pyfunc.load_model` loads a version."""
    return f"models:/{version.name}/{version.version}"


def model_of(version: Any) -> str:
    """Return the id of the logged model that a version was made of."""
    return str(version.source).removeprefix("models:/")


def register(client: Any, run_id: str, model_id: str, decided: str) -> Any:
    """Make a logged model the next version of `detector`; return that.

    Args:
        client: of the store.
        run_id: the training's.
        model_id: the logged model's.
        decided: a hash of its decision.
    """
    from mlflow.exceptions import MlflowException

    if not client.search_registered_models(f"name='{DETECTOR}'"):
        with contextlib.suppress(MlflowException):  # a parallel worker was faster
            client.create_registered_model(
                DETECTOR, description="Calibrated detectors; champion: chosen by python -m pipeline.promote"
            )
    return client.create_model_version(
        DETECTOR, f"models:/{model_id}", run_id, tags={_DECIDED: decided}, model_id=model_id
    )


def newest_of(client: Any, run_id: str, decided: str | None = None) -> Any | None:
    """Return the newest version of a run, if it is of the decision that is asked for; None without one."""
    asked = f"name='{DETECTOR}' and run_id='{run_id}'"
    found = client.search_model_versions(asked, max_results=1, order_by=["version_number DESC"])
    return next((each for each in found if decided in (None, each.tags.get(_DECIDED))), None)


def champion(client: Any) -> Any | None:
    """Return the version that is the champion; None where none was promoted yet."""
    found = client.search_registered_models(f"name='{DETECTOR}'")
    number = found[0].aliases.get(CHAMPION) if found else None
    return None if number is None else client.get_model_version(DETECTOR, str(number))


def promote(client: Any, version: Any) -> None:
    """Make a version the champion, in the place of an earlier one."""
    client.set_registered_model_alias(DETECTOR, CHAMPION, version.version)


def version_at(client: Any, address: str) -> Any:
    """Return the version at an address, `models:/detector/3` or `models:/detector@champion`.

    Raises:
        UserError: there is none.
    """
    if address == CHAMPION_ADDRESS:
        found = champion(client)
        wanted = f"{shown_address()} has no champion yet; choose one with python -m pipeline.promote RUN"
    else:
        name, _, number = address.removeprefix("models:/").partition("/")
        known = client.search_model_versions(f"name='{DETECTOR}'", order_by=["version_number DESC"])
        found = next((each for each in known if (name, number) == (DETECTOR, str(each.version))), None)
        newest = f"the newest is {address_of(known[0])}" if known else "no detector was registered yet"
        wanted = f"there is no {address} at {shown_address()}: {newest}"
    if found is None:
        raise UserError(wanted)
    return found
