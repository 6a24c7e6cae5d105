"""What the collections of a dataset are for."""

from pipeline import config


def test_collections(data: config.Data) -> frozenset[str]:
    """Name the collections that are tested only."""
    return frozenset(name for name, collection in data.collections.items() if collection.role == "test")
