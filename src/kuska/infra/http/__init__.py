"""Calls that leave the house: the only importer of httpx.

An address may come from a stranger (a client's `jwks_uri`) or from a file an operator wrote in a hurry. Whoever calls it
goes through `Outgoing`, which does not let itself be sent to the machines beside us (SSRF).
"""
