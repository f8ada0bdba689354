"""Strict JSON: what comes in, what is refused and how, what goes out."""

from __future__ import annotations

import copy
import json
import pickle
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuska.kit.errors import IncorrectError
from kuska.kit.json import decode, encode, without_comments
from kuska.kit.messages import render

# The same cases on every run, however loaded the machine is.
_repeatable = settings(derandomize=True, deadline=None)


def _refused(raw: bytes, **options: Any):
    with pytest.raises(IncorrectError) as caught:
        decode(raw, **options)
    (issue,) = caught.value.issues
    assert issue.severity == "fatal"
    for lang in ("es", "en"):
        assert not re.search(r"\{\w+\}", render(issue, lang))
        assert not render(issue, lang).startswith("json.")
    return issue


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b"", "json.empty"),
        (b" \n", "json.empty"),
        (b"[1]", "json.not-an-object"),
        (b'"Patient"', "json.not-an-object"),
        (b"null", "json.not-an-object"),
        (b'{"a":NaN}', "json.not-a-number"),
        (b'{"a":Infinity}', "json.not-a-number"),
        (b'{"a":-Infinity}', "json.not-a-number"),
        (b'{"a":"\\ud800"}', "json.lone-surrogate"),
        (b'{"a":"\\udc00"}', "json.lone-surrogate"),
        (b'{"a":"\\ud83d x"}', "json.lone-surrogate"),
        (b'{"a":"\xff"}', "json.not-utf8"),
        (b'{"a":"\xed\xa0\x80"}', "json.not-utf8"),
        (b'{"a":"\xc0\xaf"}', "json.not-utf8"),
        (b'{"a":"\x01"}', "json.raw-control-character"),
        (b'{"a":"\\u0000"}', "json.control-character"),
        (b'{"a":"\\b"}', "json.control-character"),
        (b'{"a\\u0000":1}', "json.control-character"),
        (b'{"a":1} {"b":2}', "json.trailing-data"),
        (b'{"a":1}\x00', "json.trailing-data"),
        (b'\xef\xbb\xbf{"a":1}', "json.byte-order-mark"),
        (b'{"a":1,}', "json.trailing-comma"),
        (b'{"a":[1,]}', "json.trailing-comma"),
        (b'{// c\n"a":1}', "json.comment"),
        (b'{"a":1 /* c */}', "json.comment"),
        (b'{"a": // c\n 1}', "json.comment"),
        (b"{a:1}", "json.unquoted-key"),
        (b"{'a':1}", "json.unquoted-key"),
        (b'{"a"', "json.truncated"),
        (b'{"a":01}', "json.malformed"),
        (b'{"a":1.}', "json.malformed"),
        (b'{"a":+1}', "json.malformed"),
        (b'{"a":1e400}', "json.number"),
        (b'{"a":1e-99999999}', "json.number"),
        (b'{"a":' + b"9" * 5000 + b"}", "json.number"),
        (b'{"a":0.' + b"9" * 101 + b"}", "json.number"),
        (b'{"a":' * 100_000, "json.too-deep"),
    ],
)
@pytest.mark.requirement("HC-01")
def test_refused(raw: bytes, key: str):
    assert _refused(raw).message == key


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"resourceType":"Patient","a":1,"a":2}', "Patient.a"),
        (b'{"resourceType":"Patient","name":[{"a":1},{"b":1,"b":1}]}', "Patient.name[1].b"),
        (b'{"resourceType":"Patient","a" :1,"a" :2}', "Patient.a"),
        (b'{"resourceType":"Patient","a"\n\n  :1,"a":2}', "Patient.a"),
        (b'{"resourceType":"Patient","a":1,"\\u0061":2}', "Patient.a"),
        # Strings that look like members must not hide a duplicate.
        (b'{"resourceType":"Patient","t":"\\u0022:","a":1,"a":2}', "Patient.a"),
        (b'{"resourceType":"Patient","t":"x\\":","a":"\\":","a":2}', "Patient.a"),
        (b'{"resourceType":"Patient","t":"\\"\\u003a","a":1,"a":2}', "Patient.a"),
    ],
)
def test_duplicate_keys_are_found_and_located(raw: bytes, place: str):
    issue = _refused(raw)
    assert (issue.message, issue.expression) == ("json.duplicate-key", place)


def test_control_characters_are_located():
    assert _refused(b'{"resourceType":"Patient","name":[{"family":"a\\u0007"}]}').expression == "Patient.name[0].family"


def test_depth_limit():
    deep = b'{"a":' * 10 + b"1" + b"}" * 10
    assert decode(deep, max_depth=10)
    assert _refused(deep, max_depth=9).message == "json.too-deep"
    # Brackets inside strings do not count.
    assert decode(b'{"a":"' + b"[" * 200 + b'"}')


@pytest.mark.parametrize("text", ["1.50", "0.0", "-0.0", "100", "1.0000000000000000000001", "12345678901234567890.10"])
def test_decimals_keep_their_digits(text: str):
    raw = b'{"value":' + text.encode() + b"}"
    assert encode(decode(raw)) == raw


@pytest.mark.parametrize(
    "text", ["1E5", "1e5", "1.20e3", "1e+2", "1E-2", "1.0e-7", "0.0000001", "0.00000000", "-1.5E-10", "0.000001"]
)
def test_decimals_keep_their_form(text: str):
    raw = b'{"value":' + text.encode() + b"}"
    node = decode(raw)
    assert encode(node) == encode(copy.deepcopy(node)) == encode(pickle.loads(pickle.dumps(node))) == raw  # noqa: S301
    assert (node["value"], str(node["value"] + 0)) == (Decimal(text), str(Decimal(text) + 0))


def test_what_is_no_json_is_not_encoded():
    with pytest.raises(TypeError):
        encode({"value": object()})


def test_decimals_with_exponent_keep_value_and_precision():
    node = decode(b'{"a":1.20e3,"b":1E-2}')
    assert [str(v) for v in node.values()] == [str(Decimal("1.20e3")), str(Decimal("1E-2"))]
    assert decode(encode(node)) == node


def test_integers_stay_integers():
    assert decode(b'{"a":1,"b":1.0}') == {"a": 1, "b": Decimal("1.0")}
    assert decode(b'{"a":1}')["a"].__class__ is int


def test_text_that_only_looks_suspicious_is_accepted():
    node = {"a": 'say ":" and "x" : y', "b": "c:\\books\\u0000", "c": "tab\tline\nñ😀", "d": "// no comment, NaN"}
    assert decode(json.dumps(node).encode()) == node
    assert decode(json.dumps(node, ensure_ascii=False, indent=2).encode()) == node


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
)
_trees = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.recursive(_scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text('ab":\\ '), inner), max_leaves=12),
)


@_repeatable
@given(_trees, st.booleans(), st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" , ", " : ")]))
def test_any_json_object_comes_back_equal(tree: Any, ascii_: bool, indent: int | None, separators: tuple[str, str]):
    raw = json.dumps(tree, ensure_ascii=ascii_, indent=indent, separators=separators).encode()
    assert decode(raw) == tree
    assert decode(encode(decode(raw))) == tree


@_repeatable
@given(_trees, st.data())
def test_any_repeated_key_is_refused(tree: dict[str, Any], data: st.DataObject):
    if not tree:
        return
    key = data.draw(st.sampled_from(sorted(tree)))
    raw = json.dumps(tree).encode()[:-1] + b"," + json.dumps(key).encode() + b":1}"
    assert _refused(raw).message == "json.duplicate-key"


def test_comments_can_be_taken_out_of_files_that_people_write():
    raw = b'// who\n{"a": "http://x//y", /* two\nlines */ "b": "\\"/* no */"}'
    assert decode(without_comments(raw)) == {"a": "http://x//y", "b": '"/* no */'}
    assert without_comments(raw).count(b"\n") == raw.count(b"\n")
    assert _refused(raw).message == "json.comment"
