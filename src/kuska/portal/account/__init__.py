"""`/cuenta`: what belongs to oneself. My data, my password, my second factors, my open sessions, my applications."""
