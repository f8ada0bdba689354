"""What can come into the trail, read out of the sources: so that what is new and has no words is found before an auditor
finds it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from kuska.security.domain.claims import Reason as ClaimsReason

SOURCES = Path(__file__).parents[3] / "src" / "kuska"
_KEY = re.compile(r"[a-z]+\.[a-z0-9-]+(\.[a-z-]+)?")
_WORD = re.compile(r"[a-z][a-z-]+")
# Whoever makes an event says what was done as a word among its arguments.
_MAKERS = {
    "event", "_event", "_changed", "_removed", "_note", "_shown", "_settled", "permitted", "account_event",
    "_permit", "_rotated", "Event",
}  # fmt: skip
# Errors that carry the reason for the trail as their first argument.
_REFUSALS = {
    "NobodyError", "RefusedByPolicyError", "InvalidClientError", "WrongFactorError", "ExternalError",
    "RefusedTokenError", "UnknownKeyError", "_FallsError",
}  # fmt: skip
# The part of security that makes the event -> its kind, where the call does not say.
_KIND = {
    "accounts": "account", "mailing": "account", "factors": "factor", "oauth": "token", "external": "login",
    "sessions.py": "login", "glass.py": "break-glass", "keys.py": "key", "pseudonyms.py": "pseudonym",
    "roles.py": "role", "trail": "export", "audit": "audit", "door.py": "door", "recognition.py": "door",
}  # fmt: skip
# Words among the arguments of a maker that say something else.
_ELSE = {
    "person", "system", "anonymous", "client", "account", "organization", "grant", "signing", "provider", "glass",
    "kind", "interaction", "what", "recovery", "token",
}  # fmt: skip


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for folder in ("security", "portal", "app"):
        for path in sorted((SOURCES / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name, node
                case _:
                    pass


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _named(tree: ast.AST, *names: str) -> Iterator[str]:
    """Texts that a variable of this name is given; of a choice between two the two, and not what decides."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in names for to in node.targets):
            value = node.value
            yield from (
                _texts(value) if not isinstance(value, ast.IfExp) else (*_texts(value.body), *_texts(value.orelse))
            )


def reasons() -> set[str]:
    """Message keys."""
    found = {f"security.token-{reason}" for reason in get_args(ClaimsReason)}
    for _, tree in _trees():
        found |= {text for text in _named(tree, "reason") if _KEY.fullmatch(text)}
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "reason":
                found |= {text for text in _texts(node.value) if _KEY.fullmatch(text)}
            if isinstance(node, ast.Assign) and any(
                isinstance(to, ast.Name) and to.id == "reason" for to in node.targets
            ):
                found |= {text for text in _texts(node.value) if _KEY.fullmatch(text)}
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                named = [each.arg for each in node.args.args][-len(node.args.defaults) :] if node.args.defaults else []
                for name, default in zip(named, node.args.defaults, strict=True):
                    found |= set(_texts(default)) if name == "reason" else set()
        for name, call in _calls(tree):
            if name in _REFUSALS | _MAKERS and call.args:
                wanted = call.args[:1] if name in _REFUSALS else call.args
                if any(isinstance(part, ast.JoinedStr) for part in wanted):
                    continue  # f"security.token-{…}": by the reasons of claims, above
                found |= {text for part in wanted for text in _texts(part) if _KEY.fullmatch(text)}
            elif name in ("invalid_grant", "invalid_request"):
                found |= {f"security.{text}" for part in call.args for text in _texts(part)}
            elif name == "ProtocolError":
                found |= {f"security.{text}" for part in call.args[1:] for text in _texts(part)}
    features = {text for text in found if text.split(".")[0] in ("accounts", "clients", "keys", "patients", "audit")}
    return found - features


def interactions() -> set[tuple[str, str]]:
    """(kind, what was done)."""
    found: set[tuple[str, str]] = set()
    for path, tree in _trees():
        parts = path.relative_to(SOURCES).parts
        own = next((kind for place, kind in _KIND.items() if place in parts), "")
        prefix = "external-" if "external" in parts else ""
        named = {word for word in _named(tree, "what", "interaction") if _WORD.fullmatch(word)} - _ELSE
        found |= {(own, prefix + word) for word in named if own}
        for name, call in _calls(tree):
            said = {each.arg: list(_texts(each.value)) for each in call.keywords if each.arg in ("kind", "interaction")}
            if name not in _MAKERS and not (name == "replace" and "interaction" in said):
                continue
            words = [text for part in call.args for text in _texts(part)] if name not in ("replace", "Event") else []
            words = [*said.get("interaction", ()), *words]
            for word in words:
                if _WORD.fullmatch(word) and not word.endswith("-") and word not in _ELSE and (own or said.get("kind")):
                    found |= {(kind, prefix + word) for kind in said.get("kind") or [own]}
    return found


def kinds() -> set[str]:
    found: set[str] = set()
    for _, tree in _trees():
        for name, call in _calls(tree):
            if name in _MAKERS:
                found |= {text for each in call.keywords if each.arg == "kind" for text in _texts(each.value)}
    return found - {"kind", "person", "system", "anonymous", "service"}


def works() -> set[str]:
    """What the program does by itself, as `visit_system` is told."""
    found: set[str] = set()
    for _, tree in _trees():
        for name, call in _calls(tree):
            if name in ("visit_system", "_located"):
                found |= {text for part in call.args for text in _texts(part)}
    return found
