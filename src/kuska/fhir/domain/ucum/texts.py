"""What people write for a unit, where that is not its UCUM code: 'mmHg' for `mm[Hg]`.

Role: a search for `120||mmHg` is for what is displayed so, and a Quantity shows its unit's text, not its code. Index rows
keep the code alone where there is one, so the search asks for the codes that the text stands for too. Invariants: a
text means one unit to whoever measures, even where UCUM could read it as another (K/uL: nobody means kelvins).
"""

from __future__ import annotations

_WRITTEN = {
    "mm[Hg]": ("mmHg", "mm Hg", "mmhg", "mm/Hg", "millimeter of mercury", "millimeters of mercury"),
    "cm[H2O]": ("cmH2O", "cm H2O"),
    "/min": (
        *("beats/minute", "beats/min", "beats per minute", "bpm", "breaths/minute", "breaths/min", "rpm"),
        *("breaths per minute", "per minute", "latidos/min", "latidos por minuto", "resp/min"),
        *("respiraciones/min", "respiraciones por minuto", "por minuto"),
    ),
    "Cel": ("°C", "ºC", "degrees C", "degrees Celsius", "grados Celsius", "degC", "celsius"),
    "[degF]": ("°F", "ºF", "degrees F", "degrees Fahrenheit", "degF", "fahrenheit"),
    "kg/m2": ("kg/m²", "kg/m^2"),
    "m2": ("m²", "m^2"),
    "mL/min/{1.73_m2}": ("mL/min/1.73m2", "mL/min/1.73 m2", "mL/min/1.73m²", "mL/min/1.73 m²"),
    "[lb_av]": ("lb", "lbs", "pounds", "libras"),
    "[oz_av]": ("oz", "ounces"),
    "[in_i]": ("in", "inch", "inches", "pulgadas"),
    "[ft_i]": ("ft", "feet", "foot"),
    "[IU]/L": ("IU/L", "UI/L"),
    "[IU]/mL": ("IU/mL", "UI/mL"),
    "m[IU]/L": ("mIU/L", "mUI/L"),
    "m[IU]/mL": ("mIU/mL", "mUI/mL"),
    "u[IU]/mL": ("µIU/mL", "μIU/mL", "uIU/mL", "µUI/mL", "μUI/mL", "uUI/mL"),
    "[IU]": ("IU", "UI"),
    "ug": ("µg", "μg", "mcg"),
    "ug/L": ("µg/L", "μg/L", "mcg/L"),
    "ug/dL": ("µg/dL", "μg/dL", "mcg/dL"),
    "ug/mL": ("µg/mL", "μg/mL", "mcg/mL"),
    "umol/L": ("µmol/L", "μmol/L"),
    "um": ("µm", "μm", "micras"),
    "uL": ("µL", "μL"),
    "10*3/uL": ("10^3/uL", "10³/µL", "10³/μL", "10³/uL", "x10^3/uL", "K/uL", "K/µL", "K/μL"),
    "10*6/uL": ("10^6/uL", "10⁶/µL", "10⁶/μL", "10⁶/uL", "x10^6/uL", "M/uL", "M/µL", "M/μL"),
    "10*9/L": ("10^9/L", "10⁹/L", "x10^9/L"),
    "10*12/L": ("10^12/L", "10¹²/L", "x10^12/L"),
    "/uL": ("/µL", "/μL", "cells/uL", "cells/µL", "cells/μL", "cél/µL", "cél/μL"),
    "meq/L": ("mEq/L",),
    "g/dL": ("g/100mL", "g/100 mL"),
    "mm/h": ("mm/hr", "mm/hora"),
    "%": ("percent", "por ciento"),
    "s": ("sec", "second", "seconds", "segundo", "segundos"),
    "min": ("minute", "minutes", "minuto", "minutos"),
    "h": ("hr", "hour", "hours", "hora", "horas"),
    "d": ("day", "days", "día", "días"),
    "wk": ("week", "weeks", "semana", "semanas"),
    "mo": ("month", "months", "mes", "meses"),
    "a": ("year", "years", "yr", "yrs", "año", "años"),
}
_CODES = {text: code for code, texts in _WRITTEN.items() for text in texts}


def code_of(text: str) -> str | None:
    """The UCUM code of a unit as people write it; None where nothing is known of the text."""
    return _CODES.get(text)
