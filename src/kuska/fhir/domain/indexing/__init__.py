"""From a resource to its index rows."""
