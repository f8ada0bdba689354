"""The areas' doors, as the navigation shows them to whom the policy opens them."""

from __future__ import annotations

from kuska.portal.ui.reader import Door

# By feature, in the order in which they are shown.
DOORS = (
    ("break-glass", Door("/urgencia", "door.glass", "door.glass-about")),
    ("launch", Door("/aplicaciones", "door.launch", "door.launch-about")),
    ("patients.invite", Door("/admision/invitar", "door.desk", "door.desk-about")),
    ("accounts.write", Door("/admin/cuentas", "door.accounts", "door.accounts-about")),
    ("roles.read", Door("/admin/roles", "door.roles", "door.roles-about")),
    ("clients.read", Door("/admin/clientes", "door.clients", "door.clients-about")),
    ("break-glass.review", Door("/urgencia/revision", "door.review", "door.review-about")),
    ("audit.read", Door("/auditoria", "door.audit", "door.audit-about")),
)
OWN = Door("/cuenta", "door.account", "door.account-about")


def door_to(path: str) -> Door | None:
    """The door behind which a page lies; the innermost."""
    behind = [door for door in (*(door for _, door in DOORS), OWN) if f"{path}/".startswith(f"{door.path}/")]
    return max(behind, key=lambda door: len(door.path), default=None)
