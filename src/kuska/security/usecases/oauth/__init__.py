"""The OAuth2 and OpenID Connect server: tokens, clients, grants. One file per endpoint's verb; `server.py` is the whole."""
