"""No text that nobody says: a key that is left over is removed, or what it was for was forgotten."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.portal.audit import sources

from kuska.countries.registry import packs
from kuska.fhir.routes.app import _TABLE as INTERACTIONS  # pyright: ignore[reportPrivateUsage]
from kuska.kit.messages import catalogue
from kuska.portal.audit.words import KINDS
from kuska.portal.record.shown import FLAGS, WORDS
from kuska.security.api import FEATURES, PURPOSES, Correction
from kuska.security.domain.clients import GRANTS
from kuska.security.domain.roles import TYPES, shipped
from kuska.security.domain.scopes import FEATURES as SCOPES
from kuska.security.domain.sealing import PURPOSES as SEALED

SOURCES = Path(__file__).parents[3] / "src" / "kuska"
_KEY = re.compile(r"[a-z]+\.[\w./*-]+")
_IN_TEMPLATE = re.compile(r"""["']([a-z]+\.[\w.-]+)["']""")
_BEGINS = re.compile(r"[a-z]+\.[\w.-]*-")


def _ours() -> set[str]:
    """Keys of the pages' and security's catalogues."""
    files = [path for part in ("portal", "security") for path in (SOURCES / part / "messages").glob("*.es.toml")]
    return {key for path in files for key in tomllib.loads(path.read_text(encoding="utf-8"))}


def _written() -> tuple[set[str], set[str]]:
    """Whole keys as sources and templates have them, and beginnings to which something is added there: 'admin.reach-'."""
    whole: set[str] = set()
    begun: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if _BEGINS.fullmatch(text):
                    begun.add(text)
                case ast.Constant(value=str(text)) if _KEY.fullmatch(text):
                    whole.add(text)
                case _:
                    pass
    for path in SOURCES.glob("portal/*/templates/*.html"):
        found = set(_IN_TEMPLATE.findall(path.read_text(encoding="utf-8")))
        begun |= {key for key in found if key.endswith("-")}
        whole |= found
    return whole, begun - {"auditing.did-", "auditing.kind-", "auditing.system-", "auditing.field-", "auditing.key-"}


def _composed() -> Iterator[str]:
    """Put together from what there is of a thing."""
    for part, names in (
        ("feature", FEATURES), ("purpose", PURPOSES), ("type", {*TYPES, "*"}), ("role", shipped()),
        ("document", {scheme.key for country in packs() for scheme in country.documents}),
    ):  # fmt: skip
        yield from (f"{part}.{name}" for name in names)
    yield from (f"consenting.feature-{name}" for name in SCOPES)
    yield from WORDS.values()
    yield from (f"summary.flag-{flag}" for flag in FLAGS)
    done = sources.interactions() | {("rest", name) for name in INTERACTIONS} | {("token", name) for name in GRANTS}
    done |= {("factor", f"verify-{kind}") for kind in ("passkey", "totp", "recovery")} | {("rest", "summary")}
    done |= {("retention", "")}
    yield from (f"auditing.did-{kind}-{name}" for kind, name in done)
    yield from (f"auditing.did-{name}" for kind, name in done if kind != "rest")
    yield from (f"auditing.kind-{kind}" for kind in KINDS)
    yield from (f"auditing.system-{work}" for work in sources.works())
    yield from (f"auditing.field-{field}" for field in Correction.__slots__)
    yield from (f"auditing.key-{purpose}" for purpose in SEALED)
    yield from sources.reasons()
    parts = {"interaction", "search", "validation", "json", "fhirpath", "patch", "store", "external-sign-in"}
    yield from (f"because.{key}" for key in parts | set(catalogue("es")))


def test_every_text_is_said_somewhere() -> None:
    whole, begun = _written()
    used = whole | set(_composed())
    # Letters have a subject and a text; errors of OAuth are codes of its RFCs.
    unused = {key for key in _ours() - used if not key.startswith((*begun, "mail.", "oauth."))}
    assert not unused
