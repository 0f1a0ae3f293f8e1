"""Templates become text, and their mistakes become words."""

from pathlib import Path

import pytest

from digest.compose.render import Renderer, template_folders
from digest.errors import TemplateError

MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"


def _renderer(folder: Path, name: str, source: str) -> Renderer:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return Renderer(folder)


def test_operators_own_folder_is_looked_in_first(tmp_path: Path) -> None:
    """An operator changes one template without copying the others."""
    renderer = _renderer(tmp_path, "digest/subject.txt", "우리 제목 {{ word }}")

    assert renderer.text("digest/subject.txt", "ko", {"word": "소식"}) == "우리 제목 소식"
    assert renderer.text("alert/subject.txt", "en", {"newspaper": "가온", "alerts": [{"matter": "relay"}]})


def test_our_own_templates_come_last() -> None:
    """The packed or top-level folder is always there to fall back on."""
    folders = template_folders(Path("/srv/templates"))
    assert folders[0] == Path("/srv/templates")
    assert (folders[1] / "digest" / "body.mjml").is_file()


def test_html_is_escaped_and_text_is_not(tmp_path: Path) -> None:
    """A title with markup must be read as it was written, in both parts."""
    (tmp_path / "a.txt").write_text("{{ title }}", encoding="utf-8")
    renderer = _renderer(tmp_path, "a.mjml", MJML.format("{{ title }}"))

    assert renderer.text("a.txt", "ko", {"title": "<b>&"}) == "<b>&"
    assert "&lt;b&gt;&amp;" in renderer.mail_html("a.mjml", "ko", {"title": "<b>&"})


def test_mjml_is_compiled_once(tmp_path: Path) -> None:
    """An edition of 200 variants must not compile 200 times; a changed file is seen after a restart."""
    renderer = _renderer(tmp_path, "a.mjml", MJML.format("{{ word }}"))
    assert "하나" in renderer.mail_html("a.mjml", "ko", {"word": "하나"})

    (tmp_path / "a.mjml").write_text("broken", encoding="utf-8")

    assert "둘" in renderer.mail_html("a.mjml", "ko", {"word": "둘"})


def test_sentences_come_in_the_readers_language(tmp_path: Path) -> None:
    """One compiled template serves all languages."""
    renderer = _renderer(tmp_path, "a.mjml", MJML.format("{{ _('Most read') }}"))
    assert "많이 본 뉴스" in renderer.mail_html("a.mjml", "ko", {})
    assert "Most read" in renderer.mail_html("a.mjml", "en", {})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("{{ article.titel }}", "has no attribute 'titel'", id="mistyped value"),
        pytest.param("{{ nothing }}", "'nothing' is undefined", id="unknown value"),
        pytest.param("\n{% if x %}", "line 2", id="tag left open"),
        pytest.param("{{ ().__class__.__mro__ }}", "unsafe", id="reaching into the process"),
        pytest.param("{{ articles.append(1) }}", "unsafe", id="changing what it was given"),
        pytest.param("{{ 1 / 0 }}", "division by zero", id="arithmetic"),
        pytest.param("{{ 'x' + 1 }}", "str", id="wrong types"),
    ],
)
@pytest.mark.parametrize("name", ["mine/body.txt", "mine/body.mjml"])
def test_mistake_in_a_template_names_its_file(tmp_path: Path, name: str, source: str, said: str) -> None:
    """The operator must know which file to open."""
    renderer = _renderer(tmp_path, name, MJML.format(source) if name.endswith(".mjml") else source)
    render = renderer.mail_html if name.endswith(".mjml") else renderer.text
    context = {"article": {"title": "x"}, "articles": [], "x": 1}

    with pytest.raises(TemplateError, match=said) as caught:
        render(name, "ko", context)

    assert caught.value.name == name


@pytest.mark.parametrize("source", ["<mjml><mj-body></mjml>", "<mjml><mj-body><mj-text>a", "", "plain"])
def test_broken_mjml_names_its_file(tmp_path: Path, source: str) -> None:
    """MJML's own words name no file."""
    renderer = _renderer(tmp_path, "mine/body.mjml", source)
    with pytest.raises(TemplateError) as caught:
        renderer.mail_html("mine/body.mjml", "ko", {})
    assert caught.value.name == "mine/body.mjml"


def test_missing_template_is_named() -> None:
    """For example a kind without its folder."""
    with pytest.raises(TemplateError, match=r"none/subject\.txt: there is no such template"):
        Renderer(None).text("none/subject.txt", "ko", {})


def test_our_mjml_falls_into_none_of_its_traps() -> None:
    """MJML silently makes such columns as wide as the mail, and silently drops such styles."""
    for path in template_folders(None)[-1].rglob("*.mjml"):
        source = path.read_text(encoding="utf-8")
        assert '<mj-column width="{{' not in source
        assert 'inline="inline"' not in source
        assert "<mj-preview" not in source, "a hidden preheader"
