"""The generated pages under docs/: from settings, messages, test marks, conformance results and ADRs."""
