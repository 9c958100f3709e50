"""The base of what users write in YAML: frozen, strict, and precise about what is wrong."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Annotated, Self, TypeGuard

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    Strict,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from scheduler.domain.duration import format_duration, parse_duration
from scheduler.domain.errors import InvalidInput, UnknownName
from scheduler.domain.estimate import LEVELS, Estimate
from scheduler.domain.yaml_text import parse_mapping


class FileModel(BaseModel):
    """A frozen value read from a mapping whose unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    @classmethod
    def from_mapping(cls, data: dict[str, object], *, what: str) -> Self:
        """The value that `data` says; raises `InvalidInput` naming `what`, the key, and the way out."""
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            raise _first_problem(cls, exc, what) from exc

    @classmethod
    def from_yaml(cls, text: str, *, what: str) -> Self:
        """The value that the YAML `text` of the file `what` says."""
        return cls.from_mapping(parse_mapping(text, what=what), what=what)


def _first_problem(model: type[FileModel], exc: ValidationError, what: str) -> InvalidInput:
    """The first of pydantic's complaints, in one line of ours."""
    problems = exc.errors(include_url=False)
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in problem["loc"] if not _is_branch(part)]
    where = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = known_keys(model, path[:-1])
        unknown = UnknownName("key", where, known)
        near = UnknownName("key", path[-1], known)
        return InvalidInput(f"{what}: {unknown.message}", hint=near.hint)
    if problem["type"] == "missing":
        return InvalidInput(f"{what}: the key {where!r} is missing", hint=f"add '{path[-1]}: ...'")
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return InvalidInput(f"{what}: {where + ': ' if where else ''}{cause.message}", hint=cause.hint)
    return InvalidInput(f"{what}: {where}: {_plain(problem)}", hint=_hint(problem))


def _is_branch(part: str | int) -> bool:
    """Whether a step of pydantic's path names a branch of a union and not a key of the file."""
    return isinstance(part, str) and ("[" in part or part in _BRANCHES or part[:1].isupper())


_BRANCHES = {"bool", "str", "int", "float", "dict", "list", "constrained-str", "constrained-int", "constrained-float"}


def _plain(problem: ErrorDetails) -> str:
    """What is wrong with the value, the value included."""
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    return f"{problem['input']!r}: {message}"


def _hint(problem: ErrorDetails) -> str:
    """The way out of a wrong value."""
    if problem["type"] == "string_type":
        return f"quote it: '{problem['input']}'" if isinstance(problem["input"], int | float) else "write it as text"
    return "carbonsched schema prints what each key takes"


def known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that `model` knows at `path`, as the file writes them."""
    for step in path:
        field = next((f for n, f in model.model_fields.items() if step in (n, f.alias)), None)
        inner = _models_in(field.annotation) if field else []
        if not inner:
            break
        model = inner[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: object) -> list[type[BaseModel]]:
    """The models inside an annotation such as ``Ray | None`` or ``tuple[Disk, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for part in getattr(annotation, "__args__", ()):
        found += _models_in(part)
    return found


def _duration(value: object) -> timedelta:
    """A duration from its text; a bare number is refused because it has no unit."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise InvalidInput(f"{value!r} has no unit", hint="write a duration as text: 90m, 12h or 3d")


def _estimate(value: object) -> Estimate:
    """A figure from a number or a mapping of low, central, high."""
    if isinstance(value, Estimate):
        return value
    if _is_number(value):
        return Estimate.exactly(float(value))
    if isinstance(value, dict) and set(value) == set(LEVELS) and all(_is_number(n) for n in value.values()):
        return Estimate(**{name: float(number) for name, number in value.items()})
    raise InvalidInput(f"{value!r} is not a figure", hint="write a number, or {low: .., central: .., high: ..}")


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a finite number and not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _estimate_out(value: Estimate) -> float | dict[str, float]:
    """The figure as the file writes it."""
    if value.low == value.high:
        return value.central
    return {level: value.at(level) for level in LEVELS}


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?[smhdw])+$", "examples": ["90m", "12h", "3d"]}),
]
"""A duration in a file: text with a unit."""

Figure = Annotated[
    Estimate,
    BeforeValidator(_estimate),
    PlainSerializer(_estimate_out, return_type=object),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {
                    "type": "object",
                    "properties": {level: {"type": "number"} for level in LEVELS},
                    "required": list(LEVELS),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A figure in a file: a number, or its low, central and high."""

Texts = Annotated[tuple[str, ...], Strict(False)]  # noqa: FBT003  # the library's only form: a list may become a tuple
"""A list of texts in a file."""
