"""What a picture's name says: the pictures that it was made from, and the kind of forgery.

CASIA writes the sources into the name: `Tp_D_CRN_S_N_cha00063_art00014_11818.tif` was made from
`Au_cha_00063` and `Au_art_00014`. Other datasets do it in their own way or not at all, so the rule is a
regular expression in the configuration.
"""

import re
from dataclasses import dataclass

from pipeline import config
from pipeline.errors import UserError


@dataclass(frozen=True)
class NamingRule:
    """A compiled `config.Naming`.

    Attributes:
        namespace: written before each id; collections with one namespace hold the same pictures.
        source: pattern with the groups `number` and, if need be, `category`; None: names tell no source.
        subsets: kind of forgery -> pattern on the stem, tried in this order.
    """

    namespace: str
    source: re.Pattern[str] | None
    subsets: tuple[tuple[str, re.Pattern[str]], ...]

    def source_ids(self, stem: str) -> tuple[str, ...]:
        """Find the sources in a name without its ending, sorted, each once.

        Numbers lose their leading zeros, because CASIA 1 writes `ani0001` where CASIA 2 writes
        `ani00001`; a "number" with letters in it is taken as it stands.
        """
        if self.source is None:
            return ()
        return tuple(sorted({self._source_id(match) for match in self.source.finditer(stem)}))

    def subset(self, stem: str) -> str:
        """Name the kind of forgery; "" where no pattern says."""
        return next((name for name, pattern in self.subsets if pattern.search(stem)), "")

    def _source_id(self, match: re.Match[str]) -> str:
        parts = match.groupdict()
        number = parts["number"]
        plain = str(int(number)) if number.isdecimal() else number
        return f"{self.namespace}:{parts.get('category') or ''}{plain}"


NO_RULE = NamingRule(namespace="", source=None, subsets=())


def compile_naming(naming: config.Naming | None, key: str) -> NamingRule:
    """Check and compile the rule at `key` of the configuration; None is the rule that finds nothing.

    Raises:
        UserError: a pattern is no regular expression, or `source` has no group `number`.
    """
    if naming is None:
        return NO_RULE
    source = None if naming.source is None else compile_pattern(naming.source, f"{key}.source")
    if source is not None and "number" not in source.groupindex:
        raise UserError(
            f"{key}.source is {naming.source!r} and has no group `number`; write the part that tells "
            "pictures apart as (?P<number>…), for example (?P<category>[a-z]+)(?P<number>[0-9]+)"
        )
    if not naming.namespace or {":", "|"} & set(naming.namespace):
        raise UserError(f"{key}.namespace is {naming.namespace!r}; expected a word without ':' and '|'")
    subsets = tuple(
        (name, compile_pattern(pattern, f"{key}.subsets.{name}")) for name, pattern in naming.subsets.items()
    )
    return NamingRule(naming.namespace, source, subsets)


def compile_pattern(pattern: str, key: str) -> re.Pattern[str]:
    """Compile the regular expression at `key` of the configuration.

    Raises:
        UserError: it is none.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"{key} is {pattern!r}, which is no regular expression: {error}; correct the pattern"
        ) from error
