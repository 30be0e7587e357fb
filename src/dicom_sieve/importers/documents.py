"""Files of other tools, read with bounds: JSON and YAML become mappings, lists and plain values; nothing is made."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from dicom_sieve.errors import InvalidRequestError

LONGEST = 4 * 1024 * 1024
"""In characters; the longest files that people share have a tenth of it."""
MOST_LEVELS = 32
MOST_VALUES = 50_000
"""In a file, those that an alias or a merge key stands for each time it is written; a bidsmap has 10,000."""
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool")
_NULL, _MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"


def refuse(observed: str, accepted: str) -> InvalidRequestError:
    """Give the error of a file that is none of the tool."""
    return InvalidRequestError((f"{observed}; accepted: {accepted}",))


def check_length(text: str) -> None:
    """Refuse a file that is too long."""
    if len(text) > LONGEST:
        raise refuse(f"the file has {len(text):,} characters", f"{LONGEST:,} at most")


def read_json(text: str) -> Any:
    """Read JSON.

    Raises:
        InvalidRequestError: It is none, too long, or too deep.
    """
    check_length(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}", "JSON") from None
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        raise refuse("is no JSON that can be read: too deep, or a number too long", "JSON") from None


def read_yaml(text: str) -> Any:
    """Read YAML; texts that are no numbers stay texts, and no object is made of a tag.

    Raises:
        InvalidRequestError: It is none, too long, too deep, or expands too far.
    """
    check_length(text)
    try:
        _check_levels(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise refuse(f"{place}is not YAML: {error.problem}", "YAML") from None
    except yaml.YAMLError:
        raise refuse("is not YAML: it has characters that YAML has not", "YAML") from None
    return None if node is None else _Expanding().read(node, 1)


def _check_levels(text: str) -> None:
    """Refuse nesting that is too deep before anything walks it."""
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            level += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            level -= 1
        if level > MOST_LEVELS:
            raise _too_deep(event.start_mark.line + 1)


def _too_deep(line: int) -> InvalidRequestError:
    return refuse(f"line {line}: nested deeper than {MOST_LEVELS} levels", f"{MOST_LEVELS} levels at most")


@dataclass(slots=True)
class _Expanding:
    """A document, while its aliases and merge keys are written out.

    Attributes:
        values: How many were written.
    """

    values: int = field(default=0)

    def read(self, node: Any, level: int) -> Any:
        self._count(node, level)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, level + 1) for child in node.value]
        if isinstance(node, yaml.MappingNode):
            return {self._key(key): self.read(value, level + 1) for key, value in self._pairs(node, level)}
        return _plain(node)

    def _count(self, node: Any, level: int) -> None:
        self.values += 1
        line = node.start_mark.line + 1
        if level > MOST_LEVELS:
            raise _too_deep(line)
        if self.values > MOST_VALUES:
            raise refuse(f"line {line}: aliases make more than {MOST_VALUES:,} values", f"{MOST_VALUES:,} at most")

    def _pairs(self, node: Any, level: int) -> Iterator[tuple[Any, Any]]:
        """Give what a mapping merges (``<<``), then what it has itself, which counts."""
        merged = [value for key, value in node.value if key.tag == _MERGE]
        for value in merged:
            sources: Sequence[Any] = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                self._count(source, level)
                if not isinstance(source, yaml.MappingNode):
                    raise refuse(f"line {source.start_mark.line + 1}: merges what is no mapping", "a mapping")
                yield from self._pairs(source, level + 1)
        yield from ((key, value) for key, value in node.value if key.tag != _MERGE)

    def _key(self, node: Any) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise refuse(f"line {node.start_mark.line + 1}: a key that is no text", "texts as keys")
        return str(node.value)


def _plain(node: Any) -> Any:
    """Give a scalar: None, a number or a truth value where YAML says so, else its text."""
    if node.tag == _NULL:
        return None
    if node.tag in _NUMBERS:
        try:
            return yaml.SafeLoader("").construct_object(node)
        except (ValueError, yaml.YAMLError):
            return str(node.value)
    return str(node.value)
