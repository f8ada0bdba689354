"""Second factors: codes of an app, passkeys, recovery codes. `Factors` is what pages and other parts use."""
