"""Many variants: what they share is rendered once, and every byte is the one of a whole rendering."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from digest.compose import lines, specimens
from digest.compose.kinds import digest
from digest.compose.render import Renderer, template_folders
from digest.models.deliveries import Mail
from digest.models.editions import Edition, PlacedArticle
from digest.models.readers import Format, Variant
from tests.support.settings import make_settings

SETTINGS = make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")
PLAIN = Variant("ko", Format.HTML)
VARIANTS = [
    PLAIN,
    replace(PLAIN, language="en"),
    replace(PLAIN, format=Format.TEXT),
    replace(PLAIN, words=("도서관",)),
    replace(PLAIN, headlines=True),
]


def _hostile() -> tuple[Edition, list[PlacedArticle]]:
    """The specimen edition, with markup in its texts: what is joined must stay escaped, once."""
    edition, placed = specimens.edition()
    changed = []
    for each in placed:
        text = replace(each.article.text, excerpt=f"{each.article.text.excerpt} <b>&amp; {{{{7*7}}}}", byline="<i>김")
        changed.append(replace(each, article=replace(each.article, text=text)))
    return edition, changed


def _compose(renderer: Renderer, variant: Variant) -> Mail:
    edition, placed = _hostile()
    return digest.compose(renderer, SETTINGS, edition=edition, articles=placed, variant=variant).mail


def _whole(folder: Path) -> Renderer:
    """Our templates without fragments: every variant is rendered from nothing."""
    ours = template_folders(None)[0] / "digest"
    (folder / "digest").mkdir()
    for name in ("body.mjml", "body.txt"):
        source, found = re.subn(r"fragment\(body_of, ([\w.]+)\)", r"body_of(\1)", (ours / name).read_text("utf-8"))
        assert found
        (folder / "digest" / name).write_text(source, encoding="utf-8")
    return Renderer(folder)


def test_joined_from_fragments_is_the_same_to_the_byte(tmp_path: Path) -> None:
    """DESIGN: beyond some hundred variants they are joined from what was rendered once per article."""
    from_nothing = _whole(tmp_path)
    whole = [_compose(from_nothing, variant) for variant in VARIANTS]
    lines.forget()
    renderer = Renderer(None)
    for _ in range(2):
        assert [_compose(renderer, variant) for variant in VARIANTS] == whole


def test_an_article_is_rendered_once_for_all_variants_of_a_language(tmp_path: Path) -> None:
    """The third variant costs what differs in it."""
    (tmp_path / "a.txt").write_text("{% macro m(a) %}{{ told(a) }}{% endmacro %}{{ fragment(m, a) }}", encoding="utf-8")
    renderer, rendered = Renderer(tmp_path), list[str]()

    def told(article: str) -> str:
        rendered.append(article)
        return f"<{article}>"

    texts = [
        renderer.text("a.txt", language, {"a": a, "told": told}) for a in ("x", "y", "x") for language in ("ko", "en")
    ]
    assert texts == ["<x>", "<x>", "<y>", "<y>", "<x>", "<x>"]
    assert rendered == ["x", "x", "y", "y"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_is_remembered_of_an_article_is_not_shown_for_its_next_revision(language: str) -> None:
    """A correction between two editions, or before renewing one, must be in the mail."""
    renderer = Renderer(None)
    edition, placed = specimens.edition()
    variant = replace(PLAIN, language=language)
    digest.compose(renderer, SETTINGS, edition=edition, articles=placed, variant=variant)
    text = replace(placed[0].article.text, excerpt="바로잡은 글입니다.")
    corrected = [replace(placed[0], article=replace(placed[0].article, text=text)), *placed[1:]]
    mail = digest.compose(renderer, SETTINGS, edition=edition, articles=corrected, variant=variant).mail
    assert "바로잡은 글입니다." in mail.text.decode()
    assert "바로잡은 글입니다." in mail.html.decode()
