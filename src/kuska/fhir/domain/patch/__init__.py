"""Changing a resource by a description of the change."""

from kuska.fhir.domain.patch.fhirpath_patch import apply_fhirpath_patch
from kuska.fhir.domain.patch.json_patch import apply_json_patch

__all__ = ["apply_fhirpath_patch", "apply_json_patch"]
