"""The only importer of database, broker, object-store, mail, HTTP-client and telemetry libraries."""
