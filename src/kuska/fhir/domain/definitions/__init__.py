"""The R4 definitions, compiled into one artifact."""
