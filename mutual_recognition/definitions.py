"""Methodology definitions that compute: inputs, parameters with effective dates, and one formula.

A filing's definition is a document (`documents.py`) whose digest the chain carries, so that two cities, or a city and
an auditor, get the same kilogram from the same activity data. Everything is Decimal: literals in formulas too.

    {"inputs": {"generation": {"unit": "kWh"}},
     "parameters": {"factor": {"unit": "kg/kWh", "source": "...", "values": [{"from": "2024-04-01", "value": "0.42"}]}},
     "formula": "generation * factor"}
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from simpleeval import InvalidExpression, SimpleEval

from mutual_recognition.documents import Json
from mutual_recognition.refusal import Refusal

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

_EXACT = Context(prec=40, traps=[InvalidOperation, DivisionByZero, Overflow])
_LONGEST_FORMULA = 500


class DefinitionRefused(Refusal):
    """A definition that is malformed, or can't be computed for what it was given."""

    code = "definition_refused"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Input(_Part):
    """What is measured; the unit is the one in which it is given."""

    unit: Annotated[str, Field(min_length=1, max_length=40)]
    title: str = ""


class ParameterValue(_Part):
    """A parameter's value from a day on (and until a day, both included), as a decimal string."""

    start: Annotated[date, Field(alias="from")]
    until: date | None = None
    value: Decimal

    @field_validator("value", mode="before")
    @classmethod
    def _text(cls, value: Json) -> Json:
        if not isinstance(value, str):
            raise ValueError("a value is a decimal string")
        return value

    @field_validator("value")
    @classmethod
    def _finite(cls, value: Decimal) -> Decimal:
        if not value.is_finite():
            raise ValueError("a value is a finite number")
        return value

    def holds_on(self, day: date) -> bool:
        """Whether the value is in effect on `day`."""
        return self.start <= day and (self.until is None or day <= self.until)


class Parameter(_Part):
    """A factor or constant, with where it is from. `illustrative`: nobody's official value, and shown as such."""

    unit: Annotated[str, Field(min_length=1, max_length=40)]
    source: str = ""
    illustrative: bool = False
    values: Annotated[list[ParameterValue], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Parameter:
        ordered = sorted(self.values, key=lambda value: value.start)
        for earlier, later in pairwise(ordered):
            if earlier.until is None or earlier.until >= later.start:
                raise ValueError(f"two values are in effect on {later.start}")
        return self

    def value_on(self, day: date, name: str) -> Decimal:
        """The value in effect on `day`. Raises `DefinitionRefused`: none is guessed."""
        for value in self.values:
            if value.holds_on(day):
                return value.value
        raise DefinitionRefused(day.isoformat(), f"parameter {name} has no value on this day")


class Definition(_Part):
    """A definition whose formula names its inputs and parameters, and nothing else. The result is kgCO2e."""

    inputs: dict[Name, Input]
    parameters: dict[Name, Parameter] = {}
    formula: Annotated[str, Field(min_length=1, max_length=_LONGEST_FORMULA)]

    @model_validator(mode="after")
    def _formula_is_closed(self) -> Definition:
        if shared := set(self.inputs) & set(self.parameters):
            raise ValueError(f"{', '.join(sorted(shared))} is both an input and a parameter")
        try:
            tree = ast.parse(self.formula, mode="eval")
        except (SyntaxError, ValueError) as wrong:
            raise ValueError(f"the formula cannot be read: {wrong}") from wrong
        allowed = set(self.inputs) | set(self.parameters) | set(_FUNCTIONS)
        for node in ast.walk(tree):
            if not isinstance(node, _FORMULA_NODES):
                raise ValueError(f"the formula has a {type(node).__name__}, which formulas do not have")
            if isinstance(node, ast.Name) and node.id not in allowed:
                raise ValueError(f"the formula names {node.id}, which is no input and no parameter")
            if isinstance(node, ast.Constant) and (
                isinstance(node.value, bool) or not isinstance(node.value, int | float)
            ):
                raise ValueError(f"the formula has {node.value!r}, which is no number")
        return self

    @classmethod
    def parse(cls, content: Mapping[str, Json], where: str = "") -> Definition:
        """From a document's content. Raises `DefinitionRefused` that names the field."""
        try:
            return cls.model_validate(content)
        except ValidationError as invalid:
            first = invalid.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "definition"
            raise DefinitionRefused(first.get("input", ""), f"{field}: {first['msg']}", where) from invalid


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A result: exact kgCO2e, whole kg (rounded down, so that nothing is issued that was not reduced), and what went
    in."""

    exact_kg: Decimal
    kg: int
    parameters: Mapping[str, Decimal]
    illustrative: tuple[str, ...]


def evaluate(definition: Definition, activity: Mapping[str, Decimal], day: date) -> Evaluation:
    """Computes `definition` for `activity` with the parameters in effect on `day` (the last day of the period).

    Raises `DefinitionRefused` for a missing, extra or unusable input, a parameter without a value on that day, a
    formula that divides by zero, or a result below zero.
    """
    for name in definition.inputs:
        if name not in activity:
            raise DefinitionRefused(name, "is not given, and the formula needs it")
    for name, amount in activity.items():
        if name not in definition.inputs:
            raise DefinitionRefused(name, f"is no input; there are {', '.join(definition.inputs)}")
        if not isinstance(amount, Decimal) or not amount.is_finite():
            raise DefinitionRefused(amount, f"{name} is to be a finite Decimal")
    parameters = {name: parameter.value_on(day, name) for name, parameter in definition.parameters.items()}
    with localcontext(_EXACT):
        try:
            result = _Formula(names={**activity, **parameters}, functions=_FUNCTIONS).eval(definition.formula)
        except (InvalidExpression, InvalidOperation, DivisionByZero, Overflow, ValueError) as failed:
            raise DefinitionRefused(definition.formula, f"cannot be computed: {failed}") from failed
        exact = Decimal(result)
        if exact < 0:
            raise DefinitionRefused(exact, "a reduction is not below zero")
        whole = int(exact.to_integral_value(ROUND_DOWN))
    shown = tuple(name for name, parameter in definition.parameters.items() if parameter.illustrative)
    return Evaluation(exact, whole, parameters, shown)


class _Formula(SimpleEval):  # type: ignore[misc]
    """simpleeval with every literal read as the Decimal that was written, never as a binary float."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.nodes[ast.Constant] = self._literal

    def parse(self, expr: str) -> ast.AST:
        self._source = expr.strip()
        tree: ast.AST = super().parse(expr)
        return tree

    def _literal(self, node: ast.Constant) -> Decimal:
        return Decimal(ast.get_source_segment(self._source, node) or str(node.value))


def _smallest(*values: Decimal) -> Decimal:
    return min(values)


def _largest(*values: Decimal) -> Decimal:
    return max(values)


_FUNCTIONS = {"min": _smallest, "max": _largest}

_FORMULA_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.USub,
)
"""A formula adds, subtracts, multiplies, divides, and takes the smallest or largest. No powers: they can be made to
run for ever."""
