"""A compiled expression: the engine's front door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from kuska.fhir.domain.fhirpath.compiler import Dialect, compiled
from kuska.fhir.domain.fhirpath.errors import EvaluationError, EvaluationLimitError, ExpressionSyntaxError
from kuska.fhir.domain.fhirpath.parser import MAX_DEPTH, parse
from kuska.fhir.domain.fhirpath.scope import Evaluation, Resolve, Run, Scope, Trace
from kuska.fhir.domain.fhirpath.semantics import check
from kuska.fhir.domain.fhirpath.syntax import Tree
from kuska.fhir.domain.fhirpath.values import Collection, Item, TypedNode, root_node
from kuska.kit.json import Node


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    type: str | None  # what it is about, when it was said
    tree: Tree = field(repr=False)
    run: Run = field(repr=False, compare=False)

    def items(
        self,
        node: Any,
        *,
        resource: Node | TypedNode | None = None,
        root: Node | TypedNode | None = None,
        env: Mapping[str, Any] | None = None,
        resolve: Resolve | None = None,
        trace: Trace | None = None,
    ) -> Collection:
        """What the expression finds: TypedNodes (with types and places) and System values.

        `resource` is %resource and `root` %rootResource, where `node` is not the resource itself.
        """
        context: Collection = [] if node is None else [self._node(node)]
        within: Collection = context if resource is None else [root_node(resource)]
        top: Collection = within if root is None else [root_node(root)]
        variables = {name: _collection(found) for name, found in (env or {}).items()}
        evaluation = Evaluation(context, within, top, variables, resolve, trace)
        evaluation.spend(1)
        try:
            return self.run(Scope(evaluation, context, {}))
        except RecursionError as error:
            raise EvaluationLimitError("too-deep", limit=MAX_DEPTH) from error
        except ArithmeticError as error:
            raise EvaluationError("out-of-range") from error

    def evaluate(
        self,
        node: Any,
        *,
        resource: Node | TypedNode | None = None,
        root: Node | TypedNode | None = None,
        env: Mapping[str, Any] | None = None,
        resolve: Resolve | None = None,
        trace: Trace | None = None,
    ) -> list[Any]:
        """As `items`, but plain: JSON for elements, Python values for the rest."""
        found = self.items(node, resource=resource, root=root, env=env, resolve=resolve, trace=trace)
        return [item.raw if isinstance(item, TypedNode) else item for item in found]

    def _node(self, node: Any) -> Item:
        if isinstance(node, dict | list):
            return root_node(node, self.type)
        return TypedNode(node, self.type) if self.type and not isinstance(node, TypedNode) else node


def _collection(found: Any) -> Collection:
    if found is None:
        return []
    items: list[Any] = found if isinstance(found, list) else [found]  # pyright: ignore[reportUnknownVariableType]
    return [root_node(item) if isinstance(item, dict) else item for item in items]


@lru_cache(maxsize=2048)
def compile(  # noqa: A001 - what it does, under its usual name
    expression: str,
    *,
    type_: str | None = None,
    dialect: Dialect = Dialect.STANDARD,
    refuse_unordered: bool = False,
) -> Expression:
    """The expression, ready to evaluate.

    With `type_`, what it is about, names that this type does not have are refused. `refuse_unordered` also refuses to
    take the first of what has no order (children). The rules of R4 itself are taken as they are.
    """
    try:
        return _compiled(expression, type_, dialect, refuse_unordered=refuse_unordered)
    except RecursionError as error:  # called from deep inside something else
        raise ExpressionSyntaxError("too-deep", limit=MAX_DEPTH) from error


def _compiled(expression: str, type_: str | None, dialect: Dialect, *, refuse_unordered: bool) -> Expression:
    tree = parse(expression)
    if dialect is Dialect.STANDARD:
        check(tree, type_, refuse_unordered=refuse_unordered)
    return Expression(expression, type_, tree, compiled(tree, dialect))
