"""The detector behind MLflow's scoring server: it answers strangers, so it takes bytes, within own limits.

    mlflow models serve -m models:/… --env-manager local
    SERVING_MODEL_CONFIG='{"pictures": "/srv/pictures"}' mlflow models serve …       and files of that folder

Without a folder no name of a file is looked at: whether it is there would already be an answer.
"""

import base64
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from pipeline.checking import Section, check
from pipeline.detector.detector import Detector
from pipeline.detector.inference import BATCH
from pipeline.errors import UserError
from pipeline.images.files import Limits
from pipeline.images.read import read

MIB = 2**20


class Serving(Section):
    """What whoever loads the model may choose, as MLflow's `model_config`."""

    pictures: str | None = None  # folder whose pictures may be asked for by name; null: bytes alone
    max_mib: float = Field(default=32.0, gt=0.0)  # of a picture as it is sent or lies in the folder
    max_megapixels: float = Field(default=50.0, gt=0.0)
    max_gib: float = Field(default=1.0, gt=0.0)  # of memory for the pixels of a picture


class Served:
    """What `mlflow.pyfunc.load_model` gives: `predict` for a table of pictures."""

    def __init__(self, detector: Detector, serving: Serving) -> None:
        """Keep what is allowed; raise UserError where the folder is not there."""
        self._detector = detector
        self._serving = serving
        self._limits = Limits(serving.max_megapixels, serving.max_gib, set_by="model_config.")
        self._folder = None if serving.pictures is None else Path(serving.pictures).resolve()
        if self._folder is not None and not self._folder.is_dir():
            raise UserError(f"model_config.pictures: {serving.pictures} is no folder")

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Judge pictures, a row each: `image`, the encoded bytes, or where it is empty `path`, in the folder.

        The answers are those of `Detector.verdicts`; a row that cannot be answered has an `error` and None.
        """
        if "image" not in model_input:
            columns = ", ".join(map(str, model_input.columns)) or "none"
            raise UserError(f"expected a column image (encoded bytes); found {columns}")
        if len(model_input) == 1 and isinstance(model_input["image"].iloc[0], list):
            model_input = model_input.explode("image", ignore_index=True)  # {"inputs": {"image": […]}}
        paths = model_input["path"] if "path" in model_input else [None] * len(model_input)
        rows = list(self._answers(zip(model_input["image"], paths, strict=True)))
        names = ["probability_fake", "verdict", "reason", "p_value", "threshold", "error"]
        table = pd.DataFrame(rows, columns=names, index=model_input.index)
        # A number that is missing would be NaN, which is no JSON.
        whole = table["error"].isna().all() and table.drop(columns="error").notna().all(axis=None)
        return table if whole else table.astype(object).where(table.notna(), None)

    def _answers(self, given: Iterable[tuple[Any, Any]]) -> Iterator[dict[str, Any]]:
        """Yield an answer for each picture; no more are held at once than one of the largest allowed."""
        content: bytes | str  # what is wrong with a picture that has none
        together: list[bytes | str] = []
        megapixels = 0.0
        for image, path in given:
            try:
                content = self._content(image, path)
                more = self._megapixels(content)
            except UserError as error:
                content, more = str(error), 0.0
            if together and (megapixels + more > self._limits.megapixels or len(together) == BATCH):
                yield from self._judge(together)
                together, megapixels = [], 0.0
            together.append(content)
            megapixels += more
        yield from self._judge(together)

    def _judge(self, contents: list[bytes | str]) -> Iterator[dict[str, Any]]:
        verdicts = self._detector.verdicts([each for each in contents if isinstance(each, bytes)])
        threshold = self._detector.decision.threshold
        for content in contents:
            if isinstance(content, bytes):
                yield next(verdicts).said
            else:
                yield {"probability_fake": None, "verdict": None, "threshold": threshold, "error": content}

    def _megapixels(self, content: bytes) -> float:
        """Return what a picture will take, off its header; raise Unreadable beyond the limits."""
        width, height = read(content, self._limits).stored_size
        return width * height / 1e6

    def _content(self, image: Any, path: Any) -> bytes:
        if isinstance(image, str):
            image = _decoded(image)
        if isinstance(image, bytes | bytearray | memoryview) and len(image):
            content = bytes(image)
        elif not (_is_missing(image) or image == b""):
            raise UserError(f"image: expected encoded bytes (in JSON: base64), found {type(image).__name__}")
        elif _is_missing(path):
            raise UserError("the row has no picture: expected encoded bytes in the column image")
        else:
            content = self._read(str(path))
        if len(content) > self._serving.max_mib * MIB:
            raise UserError(
                f"the picture has {len(content) / MIB:.1f} MiB or more, and {self._serving.max_mib:g} are "
                "the limit; send a smaller one, or raise model_config.max_mib"
            )
        return content

    def _read(self, name: str) -> bytes:
        """Read a regular file below the folder, of one that is too large what shows that it is.

        All others get one answer, which tells nothing about them.
        """
        if self._folder is None:
            raise UserError(
                "path: pictures are taken as encoded bytes, in the column image; files of a folder where "
                "whoever loads the model allows one (model_config pictures)"
            )
        try:
            path = (self._folder / name).resolve(strict=True)
            if not path.is_relative_to(self._folder):
                raise FileNotFoundError
            with open(path, "rb", opener=_open_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise FileNotFoundError
                return file.read(int(self._serving.max_mib * MIB) + 1)
        except (OSError, ValueError, RuntimeError) as error:  # a null byte; links in a ring
            raise UserError(f"path: there is no picture {name!r} in the server's folder") from error


def _open_without_waiting(path: str, flags: int) -> int:
    """Open as `open` does, but for links; a pipe would have the server wait for its other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))


def _decoded(text: str) -> bytes:
    """Return the bytes that JSON carries as base64; raise UserError where it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise UserError(
            f"image: expected encoded bytes as base64; found a text that is none ({error})"
        ) from error


def _is_missing(value: Any) -> bool:
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> Served:
    """Load for `mlflow.pyfunc.load_model` (its `loader_module` contract)."""
    return Served(Detector.load(Path(data_path)), check(Serving, model_config or {}, "model_config."))
