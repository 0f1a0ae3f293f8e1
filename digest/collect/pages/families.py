"""The shapes of the systems that most Korean local newspapers run on, so that those need no configuration.

A family is known by its address or by an element of its own; its selectors are tried before the general rules, field
by field, and what they do not find the general rules look for. Papers change their templates, so several names stand
in one selector, the surest first. Operators' own selectors have the same form. Pure.
"""

import re
from dataclasses import dataclass, fields

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from digest.errors import SettingMistake, SettingsError


@dataclass(frozen=True, slots=True)
class Selectors:
    """CSS selectors of the fields, empty where there is none. `drop` are elements within the body that are not text."""

    title: str = ""
    subheads: str = ""
    section: str = ""
    byline: str = ""
    registered: str = ""
    modified: str = ""
    body: str = ""
    drop: str = ""
    picture: str = ""
    caption: str = ""
    link: str = ""
    most_read: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A newspaper system: how its addresses look, an element that only it has, and where its fields are."""

    name: str
    address: re.Pattern[str]
    mark: str
    selectors: Selectors


FAMILIES = (
    Family(
        "ndsoft",
        re.compile(r"/articleView\.html\?(?:.*&)?idxno=\d|/articleViewAmp\.html\?|/news/articleView(?:\.html|/|\?)", re.I),  # noqa: E501
        "#article-view-content-div",
        Selectors(
            title=".article-view-header .heading, .article-header .heading, .aht-title-view, .article-head-title",
            subheads=".article-view-header .subheading, .article-header .subheading, .article-head-sub, .View_SubTitle",
            section=".article-view-header .breadcrumbs li:last-child, .article-head-nav .section, .breadcrumbs li a",
            body="#article-view-content-div, #articleBody, .user-content, .article-body",
            drop=".article-copy, .view-copyright, .view-editors, .tag-group, .writer, .ad-template, .auto-article",
            caption="figure.photo-layout figcaption, figcaption",
        ),
    ),
    Family(
        "view-idx",
        re.compile(r"/(?:news/)?view\.php\?(?:.*&)?(?:idx|no|number|uid)=\d", re.I),
        "#viewConts, #viewContent",
        Selectors(
            title=".viewTitle h1, .viewTitle h3, .view_title h1, .view_title, #viewTitle, .titleWrap h1",
            subheads=".viewSubTitle, .view_subtitle, .viewTitle .subTitle, .titleWrap .subTitle, .subTitle, .sub_title",
            section=".viewCategory, .view_category, .location a:last-child, .navi a:last-child",
            body="#viewConts, .viewConts, #viewContent, .view_con, .viewContent, #articleBody, .news_body",
            drop=".registModifyDate, .linkCopy, .originLink, .memo, .reply, .viewBanner, .copyLink, .snsWrap",
        ),
    ),
    Family(
        "article-view",
        re.compile(r"/article/(?:view|read|detail)|/article\.html\?(?:.*&)?no=\d|/sub_read\.html\?(?:.*&)?uid=\d", re.I),  # noqa: E501
        "#news_body_area, #CLtag",
        Selectors(
            title=".art_top h2, .art_title, .read_title h1, .article_tit, .article-title, .view_tit",
            subheads=".art_top h3, .art_subtitle, .read_subtitle, .article_sub_tit, .article-subtitle, .sub_tit",
            section=".path_wrap a:last-child, .art_cate, .article_category",
            body="#news_body_area, .smartOutput, #CLtag, #article_body, .article_body, .article_txt, .view_con",
        ),
    ),
    Family(
        "gnuboard",
        re.compile(r"/bbs/board\.php\?(?:.*&)?wr_id=\d", re.I),
        "#bo_v_con",
        Selectors(
            title=".bo_v_tit",
            subheads="#bo_v_subtitle, .bo_v_sub",
            section="#bo_v_title .bo_v_cate, .bo_v_cate",
            byline="#bo_v_info .sv_member, #bo_v_info .profile_info_ct strong",
            registered="#bo_v_info .if_date, #bo_v_info time",
            body="#bo_v_con",
            picture="#bo_v_img img, #bo_v_con img",
        ),
    ),
    Family(
        "wordpress",
        re.compile(r"/\?p=\d+$|/archives/\d+/?$"),
        "body.single-post .entry-content, article.type-post .entry-content",
        Selectors(title="h1.entry-title, .entry-title", section=".cat-links a", body=".entry-content"),
    ),
)  # fmt: skip


def family_of(tree: LexborHTMLParser, url: str) -> Family | None:
    """Return the family of a page, None if it is of none."""
    by_address = next((family for family in FAMILIES if family.address.search(url)), None)
    if by_address is not None and tree.css_first(by_address.selectors.body) is not None:
        return by_address
    return next((family for family in FAMILIES if tree.css_first(family.mark) is not None), by_address)


def check_selectors(selectors: Selectors) -> None:
    """Raise `SettingsError` that names every selector which is no CSS, as the option of a source it is."""
    mistakes = []
    empty = LexborHTMLParser("<p></p>")
    for field in fields(Selectors):
        selector = getattr(selectors, field.name)
        if not selector:
            continue
        try:
            empty.css_first(selector)
        except (SelectolaxError, ValueError):
            why = f"{selector!r} is no CSS selector"
            mistakes.append(SettingMistake(f"page.{field.name}", why, "Write one such as #article-body or .photo img."))
    if mistakes:
        raise SettingsError(mistakes)
