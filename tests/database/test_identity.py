"""Links in the form in which they are compared."""

import pytest

from digest.database.identity import canonical_link, link_key, site_of


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("HTTP://WWW.Gaon.Example:80/News/1", "www.gaon.example/News/1"),
        ("https://gaon.example:443", "gaon.example/"),
        ("https://gaon.example:8443/1", "gaon.example:8443/1"),
        ("https://gaon.example/view.php?idx=7&utm_source=rss&fbclid=x", "gaon.example/view.php?idx=7"),
        ("https://gaon.example/v?b=2&a=1", "gaon.example/v?a=1&b=2"),
        ("https://gaon.example/v?a=2&a=1&b=", "gaon.example/v?a=2&a=1&b="),
        ("https://gaon.example/v?b=%32&%61=1&utm_id=9", "gaon.example/v?a=1&b=2"),
        ("https://gaon.example/v?b=2&a=1&utm_id=9", "gaon.example/v?a=1&b=2"),
        ("https://gaon.example/v?a", "gaon.example/v?a="),
        ("https://gaon.example/v#comments", "gaon.example/v"),
        ("https://gaon.example/#!/news/1", "gaon.example/#!/news/1"),
        ("https://gaon.example/%EB%89%B4%EC%8A%A4", "gaon.example/%EB%89%B4%EC%8A%A4"),
        ("https://gaon.example/뉴스", "gaon.example/%EB%89%B4%EC%8A%A4"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_spellings_of_one_link_are_equal(link: str, canonical: str) -> None:
    """Scheme, case of the host, default port, tracking, order and fragment do not make another article."""
    assert canonical_link(link) == canonical
    assert canonical_link(f"https://{canonical}") == canonical or link == canonical


def test_what_names_another_page_stays() -> None:
    """Path, other ports and every other parameter are kept."""
    links = ["https://g.example/1", "https://g.example/1/", "https://g.example/1?p=1", "https://m.g.example/1"]
    assert len({canonical_link(link) for link in links}) == len(links)


def test_an_articles_number_is_its_sites_and_a_site_has_its_port() -> None:
    """Two papers on one host behind different ports number their articles alike; a port of the scheme says nothing."""
    path = "/news/articleView.html?idxno=7"
    one, other = (link_key(f"http://gaon.example:{port}{path}") for port in (8080, 8081))
    assert one != other
    assert link_key(f"http://gaon.example:8080{path}&sc_section_code=S1N1") == one
    assert link_key(f"https://www.gaon.example:443{path}") == link_key(f"http://m.gaon.example{path}")


def test_a_site_is_the_same_on_its_mobile_pages() -> None:
    """Its feeds lead to either; what is no link has no site."""
    links = ["https://gaon.example/1", "http://www.gaon.example/2", "https://m.GAON.example:443/news?id=3"]
    assert {site_of(link) for link in links} == {"gaon.example"}
    assert site_of("http://[::1") == ""
