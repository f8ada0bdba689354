"""UCUM: what units of measure mean, so that quantities in different units can be compared, found and converted.

Words: an *atom* is a unit with a code of its own (`g`, `[lb_av]`), a *unit* any expression of atoms (`mg/dL`), its
*dimension* the powers of base units it comes down to, its *canonical* value the number of those base units.
"""

from kuska.fhir.domain.ucum.conversion import canonical, comparable, convert, dimension
from kuska.fhir.domain.ucum.texts import code_of
from kuska.fhir.domain.ucum.units import Unit, unit

__all__ = ["Unit", "canonical", "code_of", "comparable", "convert", "dimension", "unit"]
