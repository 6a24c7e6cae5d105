"""What a person reads of a mistake that they can mend, and how many of something are named to them."""


class UserError(Exception):
    """A mistake in the input, the configuration or the surroundings.

    The message names the path or key, what was found, what is expected and what to do.
    The commands print it without a traceback and exit with status 1.
    """


def counted(number: int, one: str) -> str:
    """Return a number with its noun, of which `one` is the singular.

    >>> counted(1, "genuine picture"), counted(1_200, "fake"), counted(0, "property")
    ('1 genuine picture', '1,200 fakes', '0 properties')
    """
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return f"{number:,} {one if number == 1 else many}"
