"""The R4 record: definitions, validation, FHIRPath, storage, search, interactions.

For everyone who reads or writes clinical data. Words used here: *resource* (a FHIR document), *rid* (its 64-bit
number), *bucket* (the shard key; one patient is one bucket), *index row* (one searchable value of one resource).
"""
