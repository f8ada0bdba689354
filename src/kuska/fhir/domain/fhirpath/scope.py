"""What an evaluation carries along: the focus of the moment, and what is the same for the whole of it.

Invariants: one `Evaluation` per call of `evaluate`; its allowance only shrinks, so that no expression runs for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kuska.fhir.domain.fhirpath.allowance import Allowance, current
from kuska.fhir.domain.fhirpath.errors import EvaluationLimitError
from kuska.fhir.domain.fhirpath.temporal import Temporal, now
from kuska.fhir.domain.fhirpath.values import Collection, TypedNode
from kuska.kit.json import Node

MAX_TEXT = 1_000_000
Resolve = Callable[[str], "Node | None"]
Trace = Callable[[str, Collection], None]


@dataclass(slots=True)
class Evaluation:
    context: Collection
    resource: Collection
    root: Collection
    env: Mapping[str, Collection]
    resolve: Resolve | None = None
    trace: Trace | None = None
    allowance: Allowance = field(default_factory=current)
    _now: Temporal | None = field(default=None)

    def spend(self, steps: int) -> None:
        self.allowance.spend(steps)

    @property
    def now(self) -> Temporal:
        """The same moment for the whole evaluation."""
        if self._now is None:
            self._now = now()
        return self._now

    @property
    def root_node(self) -> TypedNode | None:
        return next((one for one in self.root if isinstance(one, TypedNode)), None)


class Scope:
    """`this` is what names without a source are looked up in."""

    __slots__ = ("evaluation", "index", "this", "total", "variables")

    def __init__(
        self,
        evaluation: Evaluation,
        this: Collection,
        variables: Mapping[str, Collection],
        index: int | None = None,
        total: Collection | None = None,
    ) -> None:
        self.evaluation = evaluation
        self.this = this
        self.variables = variables
        self.index = index
        self.total = total

    def about(self, this: Collection, index: int | None = None) -> Scope:
        return Scope(self.evaluation, this, self.variables, self.index if index is None else index, self.total)


Run = Callable[[Scope], Collection]


def checked_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise EvaluationLimitError("text-too-long", limit=MAX_TEXT)
    return text
