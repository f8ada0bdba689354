"""The only place where security runs SQL."""
