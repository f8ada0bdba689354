"""Compile the R4 (4.0.1) definitions into the artifact that the product loads.

    python dev/definitions/build.py [--package DIR] [--check]

Without --package the pinned package is fetched by name with npm. --check builds and compares instead of writing.
The result is a zstd frame of MessagePack: small parts that are decoded at start, and one MessagePack blob per
structure, resource type and value set that is decoded when it is first asked for.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import expansion
import msgspec
import search_parameters
import source
import structures
import zstandard

Json = dict[str, Any]
TARGET = Path(__file__).resolve().parents[2] / "src/kuska/fhir/domain/definitions"
_DEFAULTS: Json = {
    "choice": None,
    "targets": [],
    "binding": None,
    "constraints": [],
    "is_summary": False,
    "is_modifier": False,
    "regex": None,
    "components": [],
    "answered_by": [],
    "best_practice": False,
    "maximum": None,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, help="folder of the unpacked package (it holds package.json)")
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing them")
    options = parser.parse_args()
    with source.opened(options.package) as package:
        files = built(package)
    if options.check:
        differing = [name for name, content in files.items() if not _same(TARGET / name, content)]
        if differing:
            sys.exit(f"not what the build makes: {', '.join(differing)}; run dev/definitions/build.py")
        return
    for name, content in files.items():
        (TARGET / name).write_bytes(content)
        print(f"{name}: {len(content):,} bytes")


def built(package: source.Package) -> dict[str, bytes]:
    resources = package.bundle("profiles-resources.json")
    found = structures.built(package.bundle("profiles-types.json"), resources, package.bundle("dataelements.json"))
    concrete = sorted(n for n, s in found.items() if s["kind"] == "resource" and not s["abstract"])
    search = search_parameters.built(package.bundle("search-parameters.json"), found, concrete)
    terms = expansion.Terminology(
        [r for name in ("valuesets.json", "v2-tables.json", "v3-codesystems.json") for r in package.bundle(name)]
    )
    numbers = _numbers(concrete)
    artifact = {
        "structures": {name: _packed(structure) for name, structure in found.items()},
        "resource_types": concrete,
        "search": {name: _packed(parameters) for name, parameters in search.items()},
        "extensions": {
            url: _packed(extension)
            for url, extension in structures.extensions(package.bundle("extension-definitions.json")).items()
        },
        "compartments": _compartments(resources, search),
        "value_sets": {url: _packed(value_set) for url, value_set in terms.built(_bound(found)).items()},
    }
    compressor = zstandard.ZstdCompressor(level=19, write_content_size=True)
    return {
        "r4.msgpack.zst": compressor.compress(msgspec.msgpack.encode(artifact)),
        "type_numbers.json": (json.dumps(numbers, indent=1) + "\n").encode(),
    }


def _same(path: Path, content: bytes) -> bool:
    """Equal content; the compressed bytes may differ between versions of the compressor."""
    if not path.exists():
        return False
    committed = path.read_bytes()
    if path.suffix != ".zst":
        return committed == content
    plain = zstandard.ZstdDecompressor()
    return plain.decompress(committed) == plain.decompress(content)


def _packed(value: Json) -> bytes:
    return msgspec.msgpack.encode(_slim(value))


def _slim(value: Any) -> Any:
    """Without what the model has as default anyway."""
    if isinstance(value, dict):
        return {k: _slim(v) for k, v in value.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}
    if isinstance(value, list):
        return [_slim(v) for v in value]
    return value


def _numbers(concrete: list[str]) -> dict[str, int]:
    """Numbers given once stay for ever (they are in databases); a new type gets the next free one."""
    path = TARGET / "type_numbers.json"
    numbers: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    for name in concrete:
        numbers.setdefault(name, max(numbers.values(), default=0) + 1)
    return numbers


def _compartments(resources: list[Json], search: dict[str, dict[str, Json]]) -> Json:
    found: Json = {}
    for definition in resources:
        if definition["resourceType"] != "CompartmentDefinition":
            continue
        members = {r["code"]: _member(r, search) for r in definition["resource"] if r.get("param")}
        found[definition["code"]] = members
    return dict(sorted(found.items()))


def _member(resource: Json, search: dict[str, dict[str, Json]]) -> list[str]:
    """The parameters that make a resource a member; `{def}` says that the resource is the compartment's own."""
    codes = ["_id" if code == "{def}" else code for code in resource["param"]]
    unknown = [code for code in codes if code not in search[resource["code"]]]
    if unknown:
        print(f"compartments: {resource['code']} has no parameter {unknown}", file=sys.stderr)
    return [code for code in codes if code not in unknown]


def _bound(found: dict[str, Json]) -> list[str]:
    bindings = [e["binding"] for s in found.values() for e in s["elements"].values() if "binding" in e]
    return [b["value_set"] for b in bindings] + [b["maximum"] for b in bindings if "maximum" in b]


if __name__ == "__main__":
    main()
