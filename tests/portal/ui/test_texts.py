"""Everything that a page can say is in the catalogues."""

from __future__ import annotations

import re
from pathlib import Path

from kuska.kit.messages import catalogue
from kuska.portal.audit.words import KINDS
from kuska.portal.ui.plain import sentences
from kuska.portal.ui.rendering import translator
from kuska.security.api import FEATURES, PURPOSES
from kuska.security.domain.roles import shipped
from kuska.security.domain.scopes import FEATURES as SCOPES
from kuska.security.domain.scopes import parse

PORTAL = Path(__file__).parents[3] / "src" / "kuska" / "portal"
# t("part.key") and t("part." ~ name): the second is checked by what it can become, below.
_SAID = re.compile(r"""\bt\(["']([a-z]+\.[\w.-]+)["']""")


def test_every_text_of_a_template_is_there() -> None:
    used = {(key, path.name) for path in PORTAL.glob("*/templates/*.html") for key in _SAID.findall(path.read_text())}
    assert len(used) > 150
    assert not {(key, name) for key, name in used if key not in catalogue("es") and not key.endswith(("-", "."))}


def test_everything_a_role_or_an_application_can_have_is_said_in_words() -> None:
    wanted = {f"feature.{name}" for name in FEATURES} | {f"purpose.{name}" for name in PURPOSES}
    wanted |= {f"consenting.feature-{name}" for name in SCOPES} | {f"auditing.kind-{kind}" for kind in KINDS}
    wanted |= {f"role.{name}" for name in shipped()}
    wanted |= {f"type.{rule.type}" for role in shipped().values() for rule in role.scopes}
    assert not wanted - set(catalogue("es"))


def test_scopes_become_sentences() -> None:
    rules = parse(
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory "
        "patient/Condition.rs patient/Procedure.rs user/*.cruds user/Frobnication.r"
    )
    found = sentences(rules, translator("es"), "es")
    assert [(each.verbs, each.things, each.only, each.wide) for each in found] == [
        ("Ver", ("resultados y mediciones",), "category = laboratory", False),
        ("Ver", ("Frobnication", "problemas y diagnósticos", "procedimientos"), "", False),
        ("Ver, agregar, corregir, borrar", ("toda la historia clínica y los directorios",), "", True),
    ]


def test_templates_write_no_markup_unescaped_and_nothing_inline() -> None:
    for path in PORTAL.glob("*/templates/*.html"):
        text = path.read_text()
        assert "|safe" not in text.replace(" ", ""), path.name
        assert not re.search(r"<script(?![^>]*nonce=)|<style|\sstyle=|\son[a-z]+=\"|https?://", text), path.name


def test_every_form_that_changes_something_carries_its_token() -> None:
    for path in PORTAL.glob("*/templates/*.html"):
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL):
            assert "f.guard()" in form or "guard()" in form or 'name="token"' in form, path.name
