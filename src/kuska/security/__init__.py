"""Who may do what, and the trail of it: accounts, OAuth2/OIDC server, factors, roles, the policy decision, audit, keys.

For every door of the program (FHIR, pages, exports) and for whoever has to answer who saw what. Its words: a *caller* is
who asks; a *visit* is one request of a caller, with what it may reach and what it touched; *access* is the policy's
decision; the *trail* is the audit log.
"""
