"""The first page: what Kuska is for whoever is not signed in, the way to one's areas for whoever is."""
