"""Why somebody asks: codes of HL7 v3 PurposeOfUse. https://terminology.hl7.org/ValueSet-v3-PurposeOfUse.html

A Consent that speaks of a purpose speaks of its parts too: a refusal of research is one of clinical trials.
"""

from __future__ import annotations

# The part -> the whole it belongs to; '' = stands for itself. A closed list: a role or token cannot bring a new one.
PURPOSES = {
    "TREAT": "",
    "CAREMGT": "TREAT",
    "CLINTRCH": "HRESCH",
    "COC": "TREAT",
    "ETREAT": "TREAT",
    "BTG": "TREAT",
    "FAMRQT": "",
    "HCOMPL": "HOPERAT",
    "HDIRECT": "HOPERAT",
    "HOPERAT": "",
    "HPAYMT": "",
    "HQUALIMP": "HOPERAT",
    "HRESCH": "",
    "HSYSADMIN": "HOPERAT",
    "HTEST": "HOPERAT",
    "PATADMIN": "HOPERAT",
    "PATRQT": "",
    "PUBHLTH": "",
    "TRAIN": "HOPERAT",
}


def meanings(purpose: str) -> frozenset[str]:
    """The purpose and the wholes it is a part of."""
    found = [purpose]
    while whole := PURPOSES.get(found[-1], ""):
        found.append(whole)
    return frozenset(found)
