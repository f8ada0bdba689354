"""HTTP doors for machines: OAuth2, OpenID Connect, discovery."""
