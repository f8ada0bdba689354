"""StructureDefinitions to `Structure` dictionaries, as model.py describes them.

The package carries a few definitions that its makers extended beyond R4 4.0.1 (`Meta.accounts`, parts of
EvidenceVariable, ResearchStudy and DeviceDefinition, `Binary.url`, ...). Its dataelements.json is the untouched 4.0.1
list of all elements, so an element counts only when it is there, and with the types, cardinality and binding it has
there. What that list cannot say (backbone elements have no entry) is in `_CORRECTIONS`, each with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Json = dict[str, Any]
_NOT_R4 = {"SubscriptionStatus", "MetadataResource"}
_PROFILES = {"SimpleQuantity", "MoneyQuantity"}
_SYSTEM = "http://hl7.org/fhirpath/System."
_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
# R4: EvidenceVariable.characteristic is 1..*; the package has the later 0..*.
_CARDINALITY = {"EvidenceVariable.characteristic": (1, "*")}
# Constraints of later versions on elements that R4 has without them.
_CONSTRAINTS_NOT_R4 = {"evv-1"}
# The list's ids are 'de-' and the path, and an id has at most 64 characters: longer paths are not listed.
_LONGEST_LISTED = 64 - len("de-")
# Expressions that 4.0.1 publishes wrongly, as later versions have them.
_CORRECTED = {
    # "more than one" was written as "> 2"
    "que-12": "enableWhen.count() > 1 implies enableBehavior.exists()",
}
_INHERITED_NAMES = ("id", "extension", "modifierExtension")


def built(types: list[Json], resources: list[Json], data_elements: list[Json]) -> dict[str, Json]:
    """All structures by name, primitives and data types first."""
    pure = _pure(data_elements)
    profiles = {s["id"]: s for s in types if s["id"] in _PROFILES}
    found: dict[str, Json] = {}
    for definition in [*types, *resources]:
        if definition["resourceType"] == "StructureDefinition" and definition["id"] not in _NOT_R4:
            found.update(_Definition(definition, pure, profiles).structures())
    _drop_repeated_constraints(found)
    return dict(sorted(found.items()))


def extensions(definitions: list[Json]) -> dict[str, Json]:
    """The extensions that HL7 defines: where they may be and what their value is."""
    found: dict[str, Json] = {}
    for definition in definitions:
        if definition["resourceType"] != "StructureDefinition" or definition["type"] != "Extension":
            continue
        value = next(e for e in definition["snapshot"]["element"] if e["id"] == "Extension.value[x]")
        types = [] if value["max"] == "0" else [t["code"] for t in value["type"]]
        contexts = sorted({c["expression"] for c in definition.get("context", [])})
        found[definition["url"]] = {"url": definition["url"], "contexts": contexts, "types": types}
    return dict(sorted(found.items()))


def _pure(data_elements: list[Json]) -> dict[str, Json]:
    """Every element of 4.0.1 by path. Profiles list theirs too (Quantity.comparator 0..0): the widest one counts."""
    found: dict[str, Json] = {}
    for entry in data_elements:
        element = entry["snapshot"]["element"][0]
        if element["max"] != "0" or element["path"] not in found:
            found[element["path"]] = element
    return found


class _Definition:
    def __init__(self, definition: Json, pure: dict[str, Json], profiles: dict[str, Json]) -> None:
        self.definition = definition
        self.pure = pure
        self.profiles = profiles
        self.name: str = definition["id"]
        self.elements = self._with_missing(definition["snapshot"]["element"])
        self.is_primitive = definition["kind"] == "primitive-type"
        # Types of which the list has nothing (Age, Duration, ...) cannot be compared with it.
        self.is_listed = any(path.startswith(self.name + ".") for path in pure) and not self.is_primitive

    def structures(self) -> dict[str, Json]:
        root = self.elements[0]
        children: defaultdict[str, list[Json]] = defaultdict(list)
        owners = {root["path"]: root}
        for element in self.elements[1:]:
            path: str = element["path"]
            if not self._is_r4(element):
                continue
            parent = path.rpartition(".")[0]
            if parent not in owners:
                continue  # inside something that R4 does not have
            children[parent].append(element)
            if self._is_backbone(element):
                owners[path] = element
        return {
            self._named(path): self._structure(owner, children[path], is_root=owner is root)
            for path, owner in owners.items()
        }

    def _with_missing(self, elements: list[Json]) -> list[Json]:
        """The snapshot with what the package dropped from it (EvidenceVariable.characteristic.definition[x], ...)."""
        present = {e["path"] for e in elements}
        missing = [e for path, e in self.pure.items() if path.split(".")[0] == self.name and path not in present]
        return elements + missing

    def _is_r4(self, element: Json) -> bool:
        path: str = element["path"]
        if not self.is_listed or self.name in _PROFILES or path in self.pure:
            return True
        if path.rpartition(".")[2] in _INHERITED_NAMES or len(path) > _LONGEST_LISTED:
            return True
        if self._is_backbone(element) or "contentReference" in element:
            # Has no entry of its own in the list of data elements: it is R4 when something below it is, or when a
            # reference leads to something that is.
            start = element.get("contentReference", "#" + path)[1:] + "."
            return any(p.startswith(start) for p in self.pure) and not path.startswith(
                "EvidenceVariable.characteristic."
            )
        return False

    def _is_backbone(self, element: Json) -> bool:
        codes = [t["code"] for t in element.get("type", [])]
        return codes in (["BackboneElement"], ["Element"]) and "." in element["path"]

    def _named(self, path: str) -> str:
        root = self.elements[0]["path"]
        return self.name + path[len(root) :]

    def _structure(self, owner: Json, children: list[Json], *, is_root: bool) -> Json:
        base = (self.definition.get("baseDefinition") or "").rpartition("/")[2] or None
        kind = {"primitive-type": "primitive", "complex-type": "complex"}.get(self.definition["kind"], "resource")
        elements: dict[str, Json] = {}
        for child in children:
            for element in self._expanded(child):
                elements[element["name"]] = element
        structure: Json = {
            "name": self._named(owner["path"]),
            "kind": kind if is_root else "backbone",
            "base": base if is_root else owner["type"][0]["code"],
            "abstract": is_root and bool(self.definition.get("abstract")),
            "url": self.definition["url"],
            "elements": elements,
            "constraints": _constraints(owner),
        }
        if is_root and self.is_primitive:
            structure["regex"] = _regex(self.elements)
        return structure

    def _expanded(self, element: Json) -> list[Json]:
        """One entry per JSON property: the members of a choice apart."""
        path: str = element["path"]
        name = path.rpartition(".")[2]
        if self.is_primitive and name == "value":
            return []
        pure = element if self.name in _PROFILES else self.pure.get(path, element)
        if pure["max"] == "0":
            return []
        common = self._common(element, pure)
        if "contentReference" in element:
            return [{"name": name, "type": element["contentReference"][1:], **common}]
        if self._is_backbone(element):
            return [{"name": name, "type": self._named(path), **common, "constraints": []}]
        if not name.endswith("[x]"):
            return [self._typed(name, path, pure["type"][0], common)]
        choice = name[:-3]
        return [
            self._typed(choice + t["code"][0].upper() + t["code"][1:], path, t, {**common, "choice": choice})
            for t in pure["type"]
        ]

    def _common(self, element: Json, pure: Json) -> Json:
        low, high = _CARDINALITY.get(element["path"], (pure["min"], pure["max"]))
        common: Json = {
            "path": element["path"],
            "min": low,
            "max": -1 if high == "*" else int(high),
            "is_list": element.get("base", {}).get("max", high) not in ("0", "1"),
            "constraints": _constraints(element),
            "is_summary": element.get("isSummary", False),
            "is_modifier": element.get("isModifier", False),
        }
        if binding := _binding(pure):
            common["binding"] = binding
        return common

    def _typed(self, name: str, path: str, type_: Json, common: Json) -> Json:
        element = {"name": name, "type": self._type(path, type_["code"], type_), **common}
        profile = next((p.rpartition("/")[2] for p in type_.get("profile", [])), None)
        if profile in self.profiles:  # SimpleQuantity: a Quantity with one more rule
            own = self.profiles[profile]["snapshot"]["element"][0]
            element["constraints"] = element["constraints"] + _constraints(own)
        targets = sorted({t.rpartition("/")[2] for t in type_.get("targetProfile", [])} - {"Resource"})
        if targets and type_["code"] in ("Reference", "canonical"):
            element["targets"] = targets
        if type_["code"] not in _BINDABLE and "binding" in element:
            element = {k: v for k, v in element.items() if k != "binding"}
        return element

    def _type(self, path: str, code: str, type_: Json) -> str:
        if not code.startswith(_SYSTEM):
            return code
        if path.rpartition(".")[2] == "id" and self.definition["kind"] == "resource" and path.count(".") == 1:
            return "id"  # published as string, which its own text and the id rules contradict
        named = [
            x["valueUrl"] for x in type_.get("extension", []) if x["url"].endswith("structuredefinition-fhir-type")
        ]
        return named[0] if named else "string"


_BINDABLE = {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri", "Age", "Duration", "Distance", "Count"}


def _constraints(element: Json) -> list[Json]:
    found: list[Json] = []
    for constraint in element.get("constraint", []):
        if "expression" not in constraint or constraint["key"] in _CONSTRAINTS_NOT_R4:
            continue
        entry = {key: constraint[key] for key in ("key", "severity", "human", "expression")}
        entry["expression"] = _CORRECTED.get(entry["key"], entry["expression"])
        if any(x["url"].endswith("elementdefinition-bestpractice") for x in constraint.get("extension", [])):
            entry["best_practice"] = True
        found.append(entry)
    return found


def _binding(element: Json) -> Json | None:
    binding = element.get("binding")
    if binding is None or "valueSet" not in binding:
        return None
    found = {"strength": binding["strength"], "value_set": binding["valueSet"].partition("|")[0]}
    for extension in binding.get("extension", []):
        if extension["url"] == _EXTENSION + "elementdefinition-maxValueSet":
            found["maximum"] = extension["valueCanonical"].partition("|")[0]
    return found


def _regex(elements: list[Json]) -> str | None:
    for element in elements:
        if element["path"].endswith(".value"):
            for extension in element["type"][0].get("extension", []):
                if extension["url"] == _EXTENSION + "regex":
                    return extension["valueString"]
    return None


def _drop_repeated_constraints(structures: dict[str, Json]) -> None:
    """A snapshot repeats the constraints of an element's type on the element; the type keeps them."""
    own = {name: {c["key"] for c in structure["constraints"]} for name, structure in structures.items()}
    for structure in structures.values():
        for element in structure["elements"].values():
            element["constraints"] = [c for c in element["constraints"] if c["key"] not in own[element["type"]]]
