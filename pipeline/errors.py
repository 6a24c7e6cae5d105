"""The one exception for what a person can mend: its text is all that they see."""


class UserError(Exception):
    """A mistake in the input, the configuration or the surroundings.

    The message names the path or key, what was found, what is expected and what to do.
    The commands print it without a traceback and exit with status 1.
    """
