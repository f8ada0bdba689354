"""Search, the pure half: from the parameters of a request to a typed query."""
