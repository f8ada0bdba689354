"""What the system says about itself: logs and metrics. Nothing clinical or personal, no query strings, no ids."""
