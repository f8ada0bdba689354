"""XHTML of narratives: the safe subset and nothing else."""

from __future__ import annotations

import pytest
from tests.fhir.domain.validation.samples import found, patient

from kuska.fhir.domain.narrative import narrative_problem


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


@pytest.mark.parametrize(
    "text",
    [
        div("Ana"),
        div('<p class="x" style="color: red" title="t">a<br/>b</p>'),
        div('<table border="1"><tbody><tr><td colspan="2" rowspan="1">1</td></tr></tbody></table>'),
        div('<img src="#logo" alt="logo"/>'),
        div('<img src="data:image/png;base64,AAAA" alt="x"/>'),
        div('<a href="http://kuska.example/x" name="y">z</a>'),
        div("&#160;&amp;&lt;&gt;&quot;x"),
        div('<p xml:lang="es" lang="es">hola</p>'),
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
    ],
)
def test_accepted(text: str) -> None:
    assert narrative_problem(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "narrative-not-xml"),
        ("texto", "narrative-not-xml"),
        ("<div>x</div>", "narrative-not-div"),
        ('<p xmlns="http://www.w3.org/1999/xhtml">x</p>', "narrative-not-div"),
        (div("<p>x"), "narrative-not-xml"),
        (div("x &nbsp; y"), "narrative-not-xml"),
        (div("") + div("x"), "narrative-not-xml"),
        (div("<script>alert(1)</script>x"), "narrative-tag"),
        (div("<SCRIPT>alert(1)</SCRIPT>x"), "narrative-tag"),
        (div("<form><input/></form>x"), "narrative-tag"),
        (div("<iframe src='x'/>x"), "narrative-tag"),
        (div("<object/>x"), "narrative-tag"),
        (div("<style>p {}</style>x"), "narrative-tag"),
        (div("<link rel='stylesheet' href='x'/>x"), "narrative-tag"),
        (div("<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>y"), "narrative-tag"),
        (div("<p onclick='x()'>y</p>"), "narrative-attribute"),
        (div("<img src='x' onerror='y()'/>"), "narrative-attribute"),
        (div("<a href='javascript:alert(1)'>y</a>"), "narrative-active-link"),
        (div("<a href=' JavaScript:alert(1)'>y</a>"), "narrative-active-link"),
        (div("<a href='java&#10;script:alert(1)'>y</a>"), "narrative-active-link"),
        (div("<a href='&#1;javascript:alert(1)'>y</a>"), "narrative-not-xml"),
        (div("<a href='data:text/html;base64,AAAA'>y</a>"), "narrative-active-link"),
        ('<!DOCTYPE div [<!ENTITY a "aaaa">]>' + div("&a;"), "narrative-doctype"),
        (div("<?php x ?>y"), "narrative-doctype"),
        (div(""), "narrative-empty"),
        (div(" \n <p> </p>"), "narrative-empty"),
    ],
)
def test_refused(text: str, key: str) -> None:
    problem = narrative_problem(text)
    assert problem is not None
    assert problem[0] == key


def test_it_is_part_of_validation() -> None:
    node = patient(text={"status": "generated", "div": div("<script/>x")})
    assert found(node) == [("narrative-tag", "Patient.text.div")]


def test_entities_cannot_blow_up_memory() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>' + div("&b;")
    assert narrative_problem(bomb) == ("narrative-doctype", "")
