"""Chilean identity document: the RUN, a number and its modulo-11 check digit (0-9 or K).

Normal form: no dots, hyphen, capital K: `12531909-2`. People write `12.531.909-2`, `12531909-2`, `125319092`.
"""

from __future__ import annotations

import re

from kuska.countries.protocol import IdentifierScheme

_RUN = re.compile(r"([0-9]{6,8})-?([0-9K])")


def run_check(number: int) -> str:
    total, weight = 0, 2
    while number:
        number, digit = divmod(number, 10)
        total += digit * weight
        weight = 2 if weight == 7 else weight + 1
    return "0123456789K"[-total % 11]


def normalise_run(text: str) -> str | None:
    found = _RUN.fullmatch(text.strip().upper().replace(".", "").replace(" ", ""))
    if found is None:
        return None
    number = int(found[1])
    return f"{number}-{found[2]}" if number and run_check(number) == found[2] else None


def present_run(value: str) -> str:
    number, check = value.split("-")
    return f"{int(number):,}-{check}".replace(",", ".")


RUN = IdentifierScheme(
    key="run",
    label="RUN",
    system="http://regcivil.cl/Validacion/RUN",
    also_known_as=("https://api.cl/system/run",),
    type_system="https://hl7chile.cl/fhir/ig/clcore/CodeSystem/CSTipoIdentificador",
    type_code="01",
    normalise=normalise_run,
    present=present_run,
)
