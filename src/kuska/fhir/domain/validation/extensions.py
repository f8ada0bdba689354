"""Extensions that HL7 defines: used where they may be, with the value they have. The policy decides about others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from kuska.fhir.domain.definitions.model import Definitions, Extension, Structure
from kuska.fhir.domain.validation.context import Context, shown
from kuska.kit.json import Node

_INDEX = re.compile(r"\[\d+\]")
_MOST_ANSWERS = 4096  # (url, resource type, path) that are remembered
_SEGMENT = re.compile(r"\.(\w+)(?:\.ofType\((\w+)\))?(?:\[\d+\])?")
_HL7 = "http://hl7.org/fhir/StructureDefinition/"
# HL7's own definitions use these on more kinds of resources than their contexts say.
_OF_DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-"
_EXAMPLE_HOSTS = ("example.org", "example.com")


class ExtensionRule:
    """Looks at one extension after its own check."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._answers: dict[tuple[str, str, str], bool] = {}

    def __call__(self, node: Node, at: str, context: Context) -> None:
        url = node.get("url")
        if not isinstance(url, str):
            return
        known = self._definitions.extensions.get(url)
        if known is not None:
            self._known(known, node, at, context)
        elif context.policy.known_extensions_only or not context.policy.example_urls:
            _unknown(url, at, context)

    def _known(self, known: Extension, node: Node, at: str, context: Context) -> None:
        if not self._may_be_here(known, at, context):
            where = ", ".join(known.contexts)
            context.error(at, "structure", "extension-not-here", found=shown(known.url), contexts=where)
        value = next((name[5:] for name in node if name.startswith("value")), None)
        if value is None:
            return
        types = [t[0].upper() + t[1:] for t in known.types]
        if not types:
            context.error(at, "structure", "extension-without-value", found=shown(known.url))
        elif value not in types:
            names = ", ".join("value" + t for t in types)
            context.error(at, "structure", "extension-other-type", found=shown(known.url), types=names)

    def _may_be_here(self, known: Extension, at: str, context: Context) -> bool:
        if known.url.startswith(_OF_DEFINITIONS):
            return True
        key = (known.url, str(context.resource.get("resourceType")), _INDEX.sub("", at[len(context.at) :]))
        found = self._answers.get(key)
        if found is None:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            places = set(self._places(at, context))
            found = self._answers[key] = not places.isdisjoint(known.contexts)
        return found

    def _places(self, at: str, context: Context) -> Iterator[str]:
        """Every name of the element that has the extension: its path, its type, what they derive from."""
        structures = self._definitions.structures
        yield "Element"  # as a context this means everywhere
        segments = _SEGMENT.findall(at[len(context.at) :])[:-1]  # the last one is the extension itself
        structure = structures[str(context.resource.get("resourceType"))]
        full = structure.name
        if not segments:
            yield from self._lineage(structure)
            return
        path = ""
        for name, choice in segments:
            element = structure.elements.get(name + choice[:1].upper() + choice[1:])
            if element is None:
                return
            path, full = element.path, f"{full}.{name}"
            structure = structures[element.type]
        yield from (path, path.removesuffix("[x]"), full)
        yield from self._lineage(structure)

    def _lineage(self, structure: Structure) -> Iterator[str]:
        current: Structure | None = structure
        while current is not None:
            yield current.name
            current = self._definitions.structures.get(current.base) if current.base else None


def _unknown(url: str, at: str, context: Context) -> None:
    policy = context.policy
    host = urlsplit(url).hostname or ""
    is_example = host.removeprefix("www.") in _EXAMPLE_HOSTS
    if is_example:
        if not policy.example_urls:
            context.error(f"{at}.url", "value", "example-url", found=shown(url))
    elif (
        policy.known_extensions_only
        and ":" in url  # a part of another extension has a plain name
        and not url.startswith((_HL7, *policy.extension_domains))
    ):
        context.error(at, "structure", "unknown-extension", found=shown(url))
