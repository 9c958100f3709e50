"""YAML read strictly: a scalar is text unless it can only be a number, true, false or null.

``NO`` stays the text NO, ``1:30:00`` and ``010`` stay text, and a key written twice is refused; so a
Norwegian zone or an octal-looking time never turns into something else behind the user's back.
"""

from __future__ import annotations

import re
from collections.abc import Hashable

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode

from scheduler.domain.errors import InvalidInput


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with YAML's guesses about scalars removed."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002  # the library's signature
        """A mapping whose keys are text or whole numbers, each written once."""
        seen: set[str | int] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise ConstructorError(None, None, f"the key {key!r} is not text: quote it", key_node.start_mark)
            if key in seen:
                raise ConstructorError(None, None, f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_StrictLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", "-+0123456789"),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])


def parse_yaml(text: str, *, what: str) -> object:
    """The plain data that `text` says; `what` names it in errors, usually its file."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  # a SafeLoader made stricter
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f" line {mark.line + 1}" if mark else ""
        raise InvalidInput(f"{what}{where}: {exc.problem}", hint="mend the YAML there") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise InvalidInput(f"{what}: {' '.join(str(exc).split())}", hint="mend the YAML") from exc


def parse_mapping(text: str, *, what: str) -> dict[str, object]:
    """The mapping that `text` says; anything else is refused."""
    data = parse_yaml(text, what=what)
    if not isinstance(data, dict):
        raise InvalidInput(f"{what} holds no mapping of keys to values", hint="begin with 'version: 1'")
    return data
