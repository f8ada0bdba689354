from __future__ import annotations

import pytest

from kuska.kit.sqlfiles import parse


def test_queries_have_names_and_keep_their_comments() -> None:
    queries = parse("-- about the file\n\n-- one --\n-- why\nselect 1;\n\n-- two --\nselect 2\n")
    assert queries == {"one": "-- why\nselect 1", "two": "select 2"}


def test_a_name_may_be_there_once() -> None:
    with pytest.raises(ValueError, match="'one'"):
        parse("-- one --\nselect 1;\n-- one --\nselect 2;\n")
