"""What a caller may ask of validation beyond the R4 base rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Given 'Patient/2' or a canonical URL: the type of what is there, None when there is nothing, '' when nobody knows.
Resolve = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Policy:
    """The default accepts whatever the standard obliges a server to accept."""

    # Extensions nobody here knows are data like any other (the standard: they SHALL NOT make a resource refused).
    # With True they are errors, except those below one of `extension_domains`.
    known_extensions_only: bool = False
    extension_domains: tuple[str, ...] = ()
    # http://example.org and the like in extensions: fine in examples, a mistake in production.
    example_urls: bool = True
    html_in_markdown: bool = True
    resolve: Resolve | None = None  # also look at what references lead to
    issue_limit: int = 200  # the rest is not reported, one last issue says so

    @property
    def thorough(self) -> bool:
        """Does it ask for more than the usual checks look at?"""
        return self.resolve is not None or not self.html_in_markdown


DEFAULT_POLICY = Policy()
