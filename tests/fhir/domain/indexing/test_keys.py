from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuska.fhir.domain.definitions.load import definitions
from kuska.fhir.domain.indexing import keys


@pytest.mark.requirement("HC-01")
@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Huamán", "huaman"),
        ("HUAMAN", "huaman"),
        ("O'Higgins", "ohiggins"),
        ("O’Higgins", "ohiggins"),
        ("OHiggins", "ohiggins"),
        ("D´Angelo", "dangelo"),
        ("Peña Ñahui", "pena nahui"),
        ("Pérez-Gil", "perez gil"),
        ("  Ana   María ", "ana maria"),
        ("Agüero", "aguero"),
        ("Straße", "strasse"),
        ("Ægir Łødz", "aegir lodz"),
        ("ﬁn Ｆｕｌｌ", "fin full"),
        ("Clínica S.A.C.", "clinica sac"),
        ("J.Pérez", "j perez"),
        ("Dr. Soto, M.D.", "dr soto md"),
        ("1.5 mg", "1 5 mg"),
        ("---", ""),
        ("snake_case", "snake case"),
        ("n\u0303", "n"),
    ],
)
def test_folded_texts(written: str, folded: str) -> None:
    assert keys.fold(written) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    folded = keys.fold(text)
    assert keys.fold(folded) == folded
    assert len(folded) <= keys.MAX_TEXT
    assert folded == " ".join(folded.split())


@given(st.text(alphabet="aáàäbcnñNÑoO'’ -.", max_size=30))
def test_case_never_matters(text: str) -> None:
    assert keys.fold(text.upper()) == keys.fold(text) == keys.fold(text.lower())


@example("Ŀ0")
@given(st.text(alphabet=st.characters(max_codepoint=0x250)))
def test_the_short_way_gives_what_the_long_one_does(text: str) -> None:
    assert keys._folded(text) == keys._settled(text)


def test_spanish_order_puts_n_tilde_after_n() -> None:
    names = ["Nuzco", "Ñahui", "Oré", "Munzo", "Muñoz", "Munoz", "Muo", "De la Cruz", "Delgado", "Álvarez", "Alva"]
    ordered = sorted(names, key=lambda name: keys.sort_key(name) or keys.fold(name))
    assert ordered == [
        "Alva", "Álvarez", "De la Cruz", "Delgado", "Munoz", "Munzo", "Muñoz", "Muo", "Nuzco", "Ñahui", "Oré"
    ]  # fmt: skip


def test_a_sort_key_is_given_only_where_it_differs() -> None:
    assert keys.sort_key("Huamán") is None
    assert keys.sort_key("Muñoz") == "mun~oz"
    assert keys.sort_key("Mun\u0303oz") == "mun~oz"


def test_words_and_their_starts() -> None:
    assert keys.words("Ana María de la Cruz, María") == ["ana", "maria", "de", "la", "cruz"]
    assert keys.word_starts("ana maria an de la cruz maria") == ["maria", "de", "la", "cruz"]
    assert keys.word_starts("") == []


def test_hashes_are_what_they_were() -> None:
    """These numbers are in databases: a change means re-indexing."""
    assert keys.system_hash("http://loinc.org") == 1119458910
    assert keys.unit_hash("http://unitsofmeasure.org", "mg") == -1208918881
    assert keys.code_hash("mg") == 54960469
    assert keys.exact_hash("Huamán") == -1127662163706487648
    assert keys.variant_key("Patient", "identifier", "of-type") == -259622835
    assert keys.system_hash("") == keys.unit_hash("x", "") == keys.code_hash("") == 0


@given(st.text(min_size=1))
def test_hashes_fit_their_columns_and_are_never_none(text: str) -> None:
    for number in (keys.system_hash(text), keys.unit_hash("", text), keys.code_hash(text)):
        assert -(2**31) <= number < 2**31
        assert number != 0
    assert -(2**63) <= keys.exact_hash(text) < 2**63


def test_long_codes_are_cut_and_told_apart() -> None:
    one, other = "a" * 300 + "b", "a" * 300 + "c"
    assert keys.token_code("a" * 200) == "a" * 200
    assert keys.token_code(one) != keys.token_code(other)
    assert len(keys.token_code(one)) == 217
    assert keys.token_code(one).startswith("a" * 200 + "~")


def test_no_two_parameters_or_variants_share_a_number() -> None:
    known = definitions()
    numbers: list[int] = []
    for type_, parameters in ((name, known.search[name]) for name in known.resource_types):
        for code, parameter in parameters.items():
            numbers.append(parameter.key)
            if parameter.type == "reference":
                numbers.append(keys.variant_key(type_, code, "identifier"))
            if parameter.type == "token":
                numbers += [keys.variant_key(type_, code, variant) for variant in ("of-type", "text")]
    assert len(numbers) == len(set(numbers))
    assert 0 not in numbers
