"""What a person reads of a mistake that they can mend, and how many of something are named to them."""

# Of pyproject.toml; what stands nowhere here comes with [train].
_EXTRAS = {"gradio": "app", "c2pa": "c2pa", "pyarrow": "screen", "fsspec": "screen", "distributed": "screen"}


class UserError(Exception):
    """A mistake in the input, the configuration or the surroundings.

    The message names the path or key, what was found, what is expected and what to do.
    The commands print it without a traceback and exit with status 1.
    """


def not_installed(error: ModuleNotFoundError) -> str:
    """Return which package is missing, and how to get it; raise the error again where it is one of ours."""
    package = str(error.name).partition(".")[0]
    if package == "pipeline":
        raise error
    extra = _EXTRAS.get(package, "train")
    return f'this needs {package}, which is not installed: pip install "fake-image-detection[{extra}]"'


def counted(number: int, one: str) -> str:
    """Return a number with its noun, of which `one` is the singular.

    >>> counted(1, "genuine picture"), counted(1_200, "fake"), counted(0, "property")
    ('1 genuine picture', '1,200 fakes', '0 properties')
    """
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"
