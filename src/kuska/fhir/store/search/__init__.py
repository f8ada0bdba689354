"""Search, the half that asks the database: sets of rids, pages of resources, what they include."""
