"""Peru. Reached through kuska.countries.registry only."""
