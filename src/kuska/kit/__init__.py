"""What every context may use: ids, clock, error families, paging. No domain, no I/O."""
