"""The only place of this context that runs SQL."""
