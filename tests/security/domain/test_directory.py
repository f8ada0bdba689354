"""Every type of R4 is in its list, so that a new one cannot be open by being forgotten."""

from __future__ import annotations

import pytest

from kuska.fhir.domain.definitions.load import definitions
from kuska.security.domain.directory import COMPARTMENT, DIRECTORY, OF_SEVERAL, PERSONAL, TRAIL
from kuska.security.domain.roles import TYPES

pytestmark = pytest.mark.requirement("LW-29")


def test_the_compartment_is_the_one_of_the_definitions() -> None:
    assert set(definitions().compartments["Patient"]) | {"Patient"} == COMPARTMENT


def test_every_type_is_known_and_no_other() -> None:
    assert set(definitions().resource_types) == TYPES - {"*"}


def test_the_directory_says_nothing_about_patients() -> None:
    """No type of it has an element that points to a patient, except a schedule's actor: people do not book themselves."""
    compiled = definitions()
    pointing = {type_ for type_ in DIRECTORY if type_ in compiled.compartments["Patient"]}
    assert pointing == {"Schedule"}
    assert not PERSONAL & DIRECTORY
    assert not PERSONAL & OF_SEVERAL
    assert TRAIL not in PERSONAL


@pytest.mark.parametrize("type_", ["Binary", "Bundle", "Parameters", "Group", "Device", "Task", "Basic", "AuditEvent"])
def test_what_does_not_say_whose_it_is_is_in_no_open_list(type_: str) -> None:
    assert type_ not in DIRECTORY
    assert type_ == "Basic" or type_ not in PERSONAL
