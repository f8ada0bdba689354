"""HTTP's way in: `FhirApp` answers everything under /fhir.

A hand-written ASGI application, because a framework's routing and validation cost more than the read itself
(docs/adr/0005-raw-asgi-under-fhir.md). Thin: it turns HTTP into calls of the use cases and their results into HTTP. Errors leave
only as OperationOutcomes.
"""

from kuska.fhir.routes.app import FhirApp
from kuska.fhir.routes.door import Door, OpenDoor

__all__ = ["Door", "FhirApp", "OpenDoor"]
