"""What the program must never do, looked for in its own source: dynamic code, a shell, unsafe formats, broken hashes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("AP-10")

SOURCE = Path(__file__).parents[2] / "src" / "kuska"
_CALLS = frozenset({"eval", "exec", "compile", "__import__"})
# Modes, paddings and ciphers of yesterday (ASVS 5 V11.3).
_OLD = frozenset(
    {"modes.ECB", "padding.PKCS1v15", "algorithms.ARC4", "algorithms.TripleDES", "hashes.MD5", "hashes.SHA1"}
)
# By which data of strangers becomes objects, code or a command.
_MODULES = frozenset({"pickle", "marshal", "shelve", "dill", "yaml", "memcache", "pymemcache", "ldap3", "redis"})
_ATTRIBUTES = frozenset(
    {
        "os.system",
        "os.popen",
        "hashlib.md5",
        "hashlib.sha1",
        "subprocess.getoutput",
        "pickle.loads",
        "ssl._create_unverified_context",
    }
)
# Chance that can be foretold has its place in synthetic people and in pauses, not where something must not be guessed.
_CHANCE = frozenset({"app/demo", "infra/postgres/database.py", "security/usecases/trail/chores.py"})


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def dangers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
                yield name
            case ast.Attribute(value=ast.Name(id=module), attr=name) if f"{module}.{name}" in _ATTRIBUTES | _OLD:
                yield f"{module}.{name}"
            case (
                ast.keyword(arg="shell", value=ast.Constant(value=True))
                | ast.keyword(arg="verify", value=ast.Constant(value=False))
            ):
                yield str(node.arg)
            case ast.Import(names=names):
                yield from (each.name for each in names if each.name.partition(".")[0] in _MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in _MODULES:
                yield module
            case _:
                pass


def test_there_are_none() -> None:
    found = {place: list(dangers(tree)) for place, tree in trees()}
    assert {place: names for place, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')", "exec(x)", "import pickle", "from yaml import load", "os.system(x)", "hashlib.md5(b'')", "Cipher(x, modes.ECB())",
        "subprocess.run(x, shell=True)", "client(verify=False)",
    ],
)  # fmt: skip
def test_they_would_be_seen(text: str) -> None:
    assert list(dangers(ast.parse(text)))


def test_chance_that_can_be_foretold_guards_nothing() -> None:
    using = {
        place
        for place, tree in trees()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(each.name == "random" for each in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "random")
    }
    assert {place for place in using if not any(place.startswith(known) for known in _CHANCE)} == set()
