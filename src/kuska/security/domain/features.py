"""What a role may do outside the record's own interactions. A closed list: a misspelt feature opens nothing unseen."""

from __future__ import annotations

# The texts shown to administrators are messages 'security.feature.<name>'.
FEATURES = frozenset(
    {
        "accounts.read",
        "accounts.write",
        "audit.export",
        "audit.read",
        "break-glass",
        "break-glass.review",
        "channels.read",
        "channels.write",
        "clients.read",
        "clients.write",
        "consents.write",
        "datasets",
        "export",
        "keys.write",
        "launch",
        "patients.invite",
        "pseudonym.resolve",
        "roles.read",
        "roles.write",
    }
)

# Named in roles already, so that who may do it is decided before it can be done; no page and no interface asks for them
# yet, and whoever edits a role is told.
NO_USE_YET = frozenset({"channels.read", "channels.write", "datasets", "export", "keys.write", "pseudonym.resolve"})

# What an application may do in a person's name when the role allows it. Everything else is done by the person, in the
# portal: a token that an application lost must not make accounts or break the glass.
BY_TOKEN = frozenset({"audit.read", "export"})

# Done only shortly after a second factor was shown: a session left open on a hospital's computer must not be enough to
# make somebody an administrator, or to carry data away. `domain.doors.require` asks.
STEP_UP = frozenset(
    {
        "accounts.write",
        "audit.export",
        "break-glass",
        "clients.write",
        "export",
        "keys.write",
        "pseudonym.resolve",
        "roles.write",
    }
)
