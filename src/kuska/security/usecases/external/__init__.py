"""Sign-in at other identity providers, by OpenID Connect. `External` is what pages use."""
