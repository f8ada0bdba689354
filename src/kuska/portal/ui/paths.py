"""Where to go after something: only to a page of ours."""

from __future__ import annotations

import re

_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")
_LONGEST = 8000  # an application's request on its way through the sign-in is long


def local(path: str, otherwise: str = "/") -> str:
    """`path` when it is one of this site; another host, a scheme or control characters are not."""
    return path if len(path) <= _LONGEST and _LOCAL.fullmatch(path) else otherwise
