"""What is raised for a file that is not a whole picture."""

from pipeline.errors import UserError


class Unreadable(UserError):  # noqa: N818 - it says what is wrong, as UserError does
    """A file that is not a whole picture of a supported format.

    Attributes:
        reason: what is wrong with it, without its name.
    """

    def __init__(self, reason: str, name: str = "the picture") -> None:
        super().__init__(f"{name} cannot be read: {reason}")
        self.reason = reason
        self.name = name

    def __reduce__(self) -> tuple[type["Unreadable"], tuple[str, str]]:
        return type(self), (self.reason, self.name)
