"""`/auditoria`: the trail, searched and verified by whoever audits (HC-09)."""
