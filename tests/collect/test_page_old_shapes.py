"""Pages from before there were names for the parts: tables, large letters, lines that say who and when."""

from datetime import UTC, datetime

from tests.collect.test_page_details import END, TEXT, TITLE, read


def test_a_line_ends_where_a_heading_ends() -> None:
    """Else the moment right behind a headline is part of it, and nothing stands under it."""
    page = read(f"<div><h1>{TITLE}</h1><span>2024.10.21 11:08</span></div><div><p>{TEXT}</p><p>{END}</p></div>")
    assert page.registered_at == datetime(2024, 10, 21, 2, 8, tzinfo=UTC)
