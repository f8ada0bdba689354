"""One verb of the specification, one file."""
