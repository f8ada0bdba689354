"""Pure rules of R4: no I/O, no database, no HTTP."""
