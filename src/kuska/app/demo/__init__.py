"""The demonstration: a synthetic population and how it gets into a record."""
