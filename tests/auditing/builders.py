"""Pictures, their features, and a small converted set of them, made for the tests of the audit."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.auditing.file_features import FEATURES, NUMBER, header_features
from pipeline.auditing.measurements import gather_pictures, measure_all, plan_measurements, read_rejected
from pipeline.auditing.shortcut_audit import audit_pictures
from pipeline.conversion.conversion import convert_pictures
from pipeline.conversion.file_table import FILE_COLUMNS, REJECTED
from pipeline.datasets.build_manifest import build_manifest, write_manifest
from pipeline.datasets.listing import list_sources
from pipeline.datasets.tables import SPLITS, cross_dataset_collections, read_files, read_table
from pipeline.images.files import LIMITS

CONVERTED, MANIFEST = Path("data/converted"), Path("data/manifest")


def write_pictures(root, n=24, fake_quality=60, genuine_quality=90):
    """Pictures of unlike scenes, the fakes saved at another quality; of the names nothing can be told."""
    for label, quality, start in (("genuine", genuine_quality, 0), ("fake", fake_quality, 1000)):
        (root / label).mkdir(parents=True)
        for number in range(n):
            pixels = scene(start + number, height=64 + 8 * (number % 3), width=96)
            (root / label / f"{start + number}.jpg").write_bytes(encoded(pixels, quality=quality))


def prepare(config):
    """Convert and split in the current folder."""
    sources, rejected = list_sources(config.data)
    convert_pictures(sources, rejected, CONVERTED, config.convert, config.compute)
    manifest = build_manifest(read_files(CONVERTED), CONVERTED, config.data, config.split, config.seed)
    write_manifest(MANIFEST, manifest, {}, made_from(config))


def made_from(config):
    values = config.model_dump()
    return {key: values[key] for key in ("data", "convert", "split", "seed")}


def gathered(files, tested_only=frozenset()):
    tables = {name: read_table(MANIFEST / f"{name}.csv") for name in SPLITS}
    return gather_pictures(files, tables, CONVERTED, tested_only)


def measured_pictures(config):
    """Measure what `prepare` has made."""
    pictures = gathered(read_files(CONVERTED, FILE_COLUMNS), cross_dataset_collections(config.data))
    tasks = plan_measurements(pictures, Path(config.data.root), config.audit.probe_pictures)
    return pictures, measure_all(tasks, LIMITS, config.compute)


def audited(config):
    """Audit what `prepare` has made: pictures, measurements, result."""
    pictures, measured = measured_pictures(config)
    rejected = read_rejected(CONVERTED / REJECTED)
    audit = audit_pictures(pictures, measured, rejected, config.audit, config.compute, config.seed)
    return pictures, measured, audit | {"built_from": made_from(config)}


def choices(root, **more):
    """What the command line would say to audit the pictures below `root`."""
    named = {"data": "folders", "data.root": root, "data.masks": root / "none", "compute.workers": 1}
    named |= {"audit.bootstrap": 100, "audit.folds": 3, **more}
    return [f"{key}={value}" for key, value in named.items()]


def scene(seed=0, height=64, width=96):
    """A smooth picture with some noise: (height, width, 3) uint8."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return np.clip(pixels + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def encoded(pixels, kind="JPEG", **settings):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **settings)
    return buffer.getvalue()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def features_of(content, name="a.jpg"):
    with Image.open(io.BytesIO(content)) as image:
        return header_features(content, name, *image.size)


def feature_table(n, **columns):
    """A table of features in which only `columns` vary."""
    same = {
        name: np.full(n, 1.0) if feature.kind == NUMBER else np.full(n, "x", object)
        for name, feature in FEATURES.items()
    }
    return pd.DataFrame(same).assign(**columns)
