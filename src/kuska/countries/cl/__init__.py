"""Chile. Reached through kuska.countries.registry only."""
