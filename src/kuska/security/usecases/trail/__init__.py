"""The audit trail: noted before the answer leaves, chained by hash, searched, exported, kept as long as the law says."""
