"""Article pages of our own making in the shapes of newspaper systems, Korean and international, old and new.

All tell the same story, so that one test holds for all: only where and how a field is printed differs. Around it
stands what stands around articles everywhere: menus, adverts, related links, comment boxes, the most-read list.
"""

# ruff: noqa: E501 (markup as papers write it)

from dataclasses import dataclass
from datetime import UTC, datetime

TITLE = "가온시, 어르신 교통비 지원 ‘만족도 1위’ 사업 선정"
SUBHEADS = ("분기마다 6만 원, 신청 한 번으로 끝", "시장 “걸어서 닿는 복지가 목표”")
SECTION = "자치행정"
CAPTION = "가온시청 앞에서 버스를 기다리는 어르신들"
PARAGRAPHS = (
    "가온시가 지난해부터 벌인 어르신 교통비 지원 사업이 시민이 뽑은 만족도 1위 사업에 올랐다고 7일 밝혔다.",
    "시는 만 70세 이상 어르신 1만2천여 명에게 분기마다 6만 원 한도에서 버스와 택시 요금을 돌려주고 있다.",
    "◇ 신청은 한 번, 지급은 자동",
    "한 번 신청하면 다음 분기부터는 따로 서류를 내지 않아도 계좌로 들어온다는 점이 좋은 평가를 받았다.",
    "시장은 “병원 가는 길, 시장 가는 길이 부담이 되어서는 안 된다”며 “걸어서 닿는 복지를 만들겠다”고 말했다.",
    "시는 오는 9월부터 대상을 만 65세까지 넓히는 방안을 시의회와 협의하고 있다.",
)
REGISTERED = datetime(2024, 8, 8, 4, 0, tzinfo=UTC)
MODIFIED = datetime(2024, 8, 9, 0, 30, tzinfo=UTC)
PICTURE = "https://img.gaon.example/photo/202408/71428.jpg"
NOT_TEXT = (
    "로그인", "전체기사", "광고 문의", "무단전재", "댓글", "좋은 기사네요", "축제 안내", "조례 개정", "청년 창업", "제보",
    "hong@", "구독", "공유", CAPTION, "함께 읽을", "function(",
)  # fmt: skip

_MENU = "<ul>" + "".join(
    f'<li><a href="/news/list?c={n}">{name}</a></li>' for n, name in enumerate(("정치", "경제", "사회", "문화", "전체기사"))
) + '<li><a href="/login">로그인</a></li></ul>'  # fmt: skip
_OTHERS = ("주말 축제 안내와 교통 통제 구간", "공유재산 조례 개정 공청회 열린다", "청년 창업 지원금 접수 시작")
_LIST = "".join(f'<li><a href="/news/{n + 900}">{name}</a></li>' for n, name in enumerate(_OTHERS))
_COMMENTS = (
    '<div class="reply_area"><h4>댓글 2</h4><ul><li>좋은 기사네요 우리 동네도 해 주세요.</li><li>저희 어머니도 신청하셨어요.'
    "</li></ul><textarea></textarea><button>댓글 쓰기</button></div>"
)
_FOOT = "<footer><p>가온일보 | 광고 문의 02-000-0000 | 청소년보호책임자 김철수 | 등록번호 가온 아00001</p></footer>"


@dataclass(frozen=True)
class Shape:
    """A page, and those fields that this shape prints (others are not compared)."""

    name: str
    url: str
    html: str
    fields: frozenset[str] = frozenset()


def _page(head: str, middle: str) -> str:
    return (
        f'<!doctype html><html lang="ko"><head><meta charset="utf-8">{head}<script>var a = function(){{}};</script>'
        f'</head><body><div id="wrap"><div id="header">{_MENU}</div>{middle}'
        f'<div class="aside"><h3>많이 본 뉴스</h3><ul>{_LIST}</ul></div>{_FOOT}</div></body></html>'
    )


def _paragraphs(tag: str = "p", extra: str = "") -> str:
    lines = [f"<{tag}{extra}>{one}</{tag}>" for one in PARAGRAPHS]
    return "".join(lines)


def _broken_lines() -> str:
    return "<br><br>\n".join(PARAGRAPHS)


def _ndsoft() -> Shape:
    middle = f"""<section id="article-view"><header class="article-view-header"><nav class="breadcrumbs"><ul>
<li><a href="/">홈</a></li><li><a href="/news/articleList.html?sc=1">{SECTION}</a></li></ul></nav>
<h3 class="heading">{TITLE}</h3><h4 class="subheading">{SUBHEADS[0]}<br>{SUBHEADS[1]}</h4>
<div class="info-group"><article class="item"><ul class="infomation"><li><i class="icon-user-o"></i>기자명 홍길동 기자</li>
<li><i class="icon-clock-o"></i> 입력 2024.08.08 13:00</li><li>수정 2024.08.09 09:30</li><li>댓글 0</li></ul></article>
</div></header><div class="article-veiw-body"><article id="article-view-content-div" itemprop="articleBody">
<div style="text-align:center"><figure class="photo-layout image" data-type="photo"><img src="{PICTURE}" alt="x" width="600">
<figcaption>{CAPTION}</figcaption></figure></div>{_paragraphs()}<div class="ad-template"><script>ad()</script></div>
<article class="writer"><strong class="name">홍길동 기자</strong><a href="mailto:hong@gaon.example">hong@gaon.example</a>
<a href="#">다른기사 보기</a></article><div class="view-copyright">저작권자 © 가온일보 무단전재 및 재배포 금지</div></article>
<section class="auto-article"><h4>관련기사</h4><ul>{_LIST}</ul></section>{_COMMENTS}</div></section>"""
    url = "https://www.gaon.example/news/articleView.html?idxno=71428"
    fields = {"subheads", "section", "byline", "registered", "modified", "picture", "caption", "address"}
    return Shape("ndsoft", url, _page(f"<title>{TITLE} - 가온일보</title>", middle), frozenset(fields))


def _ndsoft_table() -> Shape:
    """The skin of before 2018: tables, and captions in cells of their own."""
    middle = f"""<table width="680"><tr><td class="HomePageTitle"><span id="font_title"><b>{TITLE}</b></span></td></tr>
<tr><td><span id="font_subtitle" class="View_SubTitle">{SUBHEADS[0]}<br>{SUBHEADS[1]}</span></td></tr>
<tr><td id="font_date">2024년 08월 08일 (목) 13:00:00</td><td id="font_name">홍길동 기자
<span id="font_email">webmaster@gaon.example</span></td></tr>
<tr><td id="articleBody" class="view_r"><table class="view_photo" align="right"><tr><td><img src="{PICTURE}" width="300"></td>
</tr><tr><td id="font_imgdown_1" class="view_r_caption">▲ {CAPTION}</td></tr></table>{_broken_lines()}</td></tr>
<tr><td class="view_copyright">ⓒ 가온일보(http://www.gaon.example) 무단전재 및 재배포금지</td></tr>
<tr><td><div class="reply">{_COMMENTS}</div></td></tr></table>"""
    url = "http://www.gaon.example/news/articleView.html?idxno=71428"
    head = f"<title>가온일보 모바일 사이트, {TITLE}</title>"
    return Shape("ndsoft-table", url, _page(head, middle), frozenset({"subheads", "byline", "picture", "caption"}))


def _portal_blocks() -> Shape:
    """A portal that gives each paragraph an element of its own."""
    middle = f"""<div class="head_view"><em class="info_cp">가온일보</em><h3 class="tit_view">{TITLE}</h3>
<div class="info_view"><span class="txt_info">홍길동 기자</span><span class="txt_info">입력 <span class="num_date">2024. 8. 8.
13:00</span></span><span class="txt_info">수정 <span class="num_date">2024. 8. 9. 09:30</span></span></div></div>
<div class="box_util"><button>공유하기</button></div><div class="article_view"><section>
<figure class="figure_frm origin_fig"><p class="link_figure"><img class="thumb_g" data-org-src="{PICTURE}"
src="data:image/gif;base64,R0lGOD" width="658"></p><figcaption class="txt_caption">{CAPTION}</figcaption></figure>
{_paragraphs(extra=' data-ptype="general"')}</section><p class="txt_copyright">Copyright © 가온일보. 무단전재 및 재배포 금지.</p>
</div><div class="view_relate"><strong>함께 읽을 기사</strong><ul>{_LIST}</ul></div>{_COMMENTS}"""
    head = f'<meta property="og:title" content="{TITLE}"><title>{TITLE}</title>'
    fields = {"byline", "registered", "modified", "picture", "caption"}
    return Shape("portal-blocks", "https://v.portal.example/v/20240808130001", _page(head, middle), frozenset(fields))


def _portal_lines() -> Shape:
    """A portal whose text is parted by line breaks, with the summary inside of it."""
    middle = f"""<div class="media_end_head"><h2 id="title_area" class="media_end_head_headline"><span>{TITLE}</span></h2>
<div class="media_end_head_info"><span class="media_end_head_info_datestamp_time"
data-date-time="2024-08-08 13:00:00">2024.08.08. 오후 1:00</span><span class="datestamp_bunch">수정
<span class="media_end_head_info_datestamp_time" data-modify-date-time="2024-08-09 09:30:00">2024.08.09. 오전 9:30</span>
</span><em class="media_end_head_journalist_name">홍길동 기자</em></div></div>
<div id="contents"><article id="dic_area" class="_article_content"><strong class="media_end_summary">{SUBHEADS[0]}<br>
{SUBHEADS[1]}</strong><span class="end_photo_org"><div class="nbd_im_w"><img id="img1" data-src="{PICTURE}"></div>
<em class="img_desc">{CAPTION}</em></span><br><br>{_broken_lines()}<br><br>홍길동 기자(hong@gaon.example)</article></div>
<p class="media_end_copyright">Copyright ⓒ 가온일보. All rights reserved. 무단 전재 및 재배포 금지.</p>{_COMMENTS}"""
    head = f'<meta property="og:title" content="{TITLE}"><title>{TITLE}</title>'
    fields = {"byline", "registered", "modified", "picture", "caption", "address"}
    return Shape("portal-lines", "https://n.portal.example/article/001/0014", _page(head, middle), frozenset(fields))


def _board() -> Shape:
    """A board system that prints years with two digits."""
    middle = f"""<article id="bo_v"><header><h2 id="bo_v_title"><span class="bo_v_cate">{SECTION}</span>
<span class="bo_v_tit">{TITLE}</span></h2></header><section id="bo_v_info"><h2>페이지 정보</h2><span class="sound_only">작성자</span>
<strong><span class="sv_member">홍길동 기자</span></strong> <strong class="if_date"><i class="fa"></i> 작성일 24-08-08 13:00</strong>
<strong>댓글 0건</strong><strong>조회 1,204회</strong></section><section id="bo_v_atc"><h2 id="bo_v_atc_title">본문</h2>
<div id="bo_v_share"><a href="#">공유</a></div><div id="bo_v_img"><a href="/bbs/view_image.php"><img src="{PICTURE}" width="800">
</a></div><div id="bo_v_con">{_paragraphs()}</div></section><section id="bo_vc"><h2>댓글목록</h2><article><p>좋은 기사네요 정말로
우리 동네도 어서 해 주시면 감사하겠습니다.</p></article></section></article>"""
    url = "https://gaon.example/bbs/board.php?bo_table=city&wr_id=71428"
    fields = {"section", "byline", "registered", "picture"}
    return Shape("board", url, _page(f"<title>{TITLE} &gt; {SECTION} | 가온일보</title>", middle), frozenset(fields))


def _blog_theme() -> Shape:
    """The international blog system with a magazine's theme: lazy pictures, a graph of JSON-LD, boxes of related texts."""
    graph = f"""<script type="application/ld+json">{{"@context":"https://schema.org","@graph":[{{"@type":"WebSite",
"name":"가온타임스"}},{{"@type":"NewsArticle","headline":"{TITLE}","datePublished":"2024-08-08T13:00:00+09:00",
"dateModified":"2024-08-09T09:30:00+09:00","articleSection":["{SECTION}"],"author":{{"@type":"Person","name":"홍길동 기자"}}}}]}}
</script>"""
    middle = f"""<div class="td-container"><div class="td-crumb-container"><a href="/">홈</a></div><article id="post-71428"
class="post type-post"><header class="td-post-title"><h1 class="entry-title">{TITLE}</h1></header>
<div class="td-post-content tagdiv-type"><figure class="wp-block-image"><img class="lazyload" src="data:image/svg+xml;base64,PHN"
data-src="{PICTURE}" srcset="{PICTURE} 1024w" width="1024" height="683"><figcaption>{CAPTION}</figcaption></figure>
{_paragraphs()}<div class="sharedaddy sd-sharing-enabled"><h3>공유하기:</h3><ul><li>페이스북으로 공유</li></ul></div>
<div class="jp-relatedposts"><h3>함께 읽을 글</h3><ul>{_LIST}</ul></div></div></article>
<div id="respond" class="comment-respond"><h3>댓글 남기기</h3><p>이메일은 공개되지 않습니다. 필수 필드는 *로 표시됩니다</p></div>
<ol class="comment-list"><li><p>좋은 기사네요. 저희 부모님도 신청하셨다고 합니다.</p></li></ol></div>"""
    fields = {"section", "byline", "registered", "modified", "picture", "caption"}
    return Shape("blog-theme", "https://times.example/city/71428/", _page(graph, middle), frozenset(fields))


def _machine_text() -> Shape:
    """A page drawn by a script: the text stands in JSON-LD alone."""
    text = "\\n".join(PARAGRAPHS)
    head = f"""<title>{TITLE}</title><script type="application/ld+json">{{"@type":"NewsArticle","headline":"{TITLE}",
"datePublished":"2024-08-08T04:00:00Z","dateModified":"2024-08-09T00:30:00Z","articleBody":"{text}",
"image":["{PICTURE}"],"author":[{{"@type":"Person","name":"홍길동 기자"}}],"articleSection":"{SECTION}"}}</script>"""
    fields = {"section", "byline", "registered", "modified", "picture"}
    return Shape(
        "machine-text", "https://m.gaon.example/a/71428", _page(head, '<div id="app"></div>'), frozenset(fields)
    )


def _accelerated() -> Shape:
    """An AMP page."""
    head = f"""<link rel="canonical" href="https://gaon.example/news/71428"><title>{TITLE}</title>
<style amp-boilerplate>body{{}}</style><meta property="article:published_time" content="2024-08-08T13:00:00+09:00">"""
    middle = f"""<amp-sidebar id="s">{_MENU}</amp-sidebar><main><h1 class="amp-title">{TITLE}</h1><p class="date">2024-08-08 13:00</p>
<div class="amp-body"><figure><amp-img src="{PICTURE}" width="640" height="426" layout="responsive"></amp-img>
<figcaption>{CAPTION}</figcaption></figure>{_paragraphs()}<amp-ad width="300" height="250" type="x">광고 문의</amp-ad></div>
<p>저작권자 ⓒ 가온일보 무단전재-재배포 금지</p><div class="amp-related"><h2>함께 읽을 기사</h2><ul>{_LIST}</ul></div></main>"""
    url = "https://gaon.example/amp/news/71428"
    return Shape("accelerated", url, _page(head, middle), frozenset({"registered", "picture", "caption"}))


def _tables() -> Shape:
    """A page of 2005: tables in tables, fonts, no name anywhere, the date without a label."""
    middle = f"""<table border=0><tr><td width=160>{_MENU}</td><td><table><tr><td><font size=5><b>{TITLE}</b></font></td></tr>
<tr><td><font size=2>홍길동 기자 | 2024/08/08 13:00</font></td></tr><tr><td><table align=left><tr><td><img src="{PICTURE}"
width=280></td></tr><tr><td><font size=1>{CAPTION}</font></td></tr></table><font size=3>{_broken_lines()}</font></td></tr>
<tr><td><font size=1>ⓒ 가온일보 무단전재 및 재배포 금지</font></td></tr></table></td><td width=200><b>주요뉴스</b><ul>{_LIST}</ul></td>
</tr></table>"""
    url = "http://old.gaon.example/article.php?no=71428"
    return Shape(
        "tables", url, _page(f"<title>가온일보 :: {TITLE}</title>", middle), frozenset({"picture", "caption", "byline"})
    )


def _related_within() -> Shape:
    """Links, appeals, a subscription box and a poll between the paragraphs."""
    one, two, head, three, four, five = PARAGRAPHS
    middle = f"""<main id="content"><h1 class="headline">{TITLE}</h1><div class="sub_tit"><p>{SUBHEADS[0]}</p><p>{SUBHEADS[1]}</p></div>
<div class="byline"><span class="writer">홍길동 기자</span> <span>hong@gaon.example</span></div>
<div class="date">기사입력 : 2024년 08월 08일(목) 13:00 <span>업데이트 : 2024년 08월 09일(금) 09:30</span></div>
<div class="news_body" id="newsBody"><p>{one}</p><p><a href="/news/900">[관련기사] {_OTHERS[0]}</a></p>
<div class="photo_box"><img src="/img/blank.gif" data-lazy-src="{PICTURE}"><p class="photo_desc">{CAPTION}</p></div><p>{two}</p>
<div class="box_subscribe"><strong>가온일보 뉴스레터 구독</strong><p>매일 아침 우리 동네 소식을 보내드립니다. 구독하세요.</p></div>
<p><strong>{head}</strong></p><p>{three}</p><p>☞ <a href="/news/901">{_OTHERS[1]}</a></p><p>{four}</p><p>{five}</p>
<p>▶ 제보는 카카오톡 ‘가온일보’, 전화 02-000-0000</p><p>&lt;저작권자 ⓒ 가온일보, 무단전재 및 재배포 금지&gt;</p></div>
<div class="related_list"><h3>함께 읽을 기사</h3><ul>{_LIST}</ul></div>{_COMMENTS}</main>"""
    fields = {"subheads", "byline", "address", "registered", "modified", "picture", "caption"}
    head_ = f'<meta property="og:title" content="{TITLE} | 가온일보"><title>{TITLE} | 가온일보</title>'
    return Shape("related-within", "https://gaon.example/article/71428", _page(head_, middle), frozenset(fields))


def _agency() -> Shape:
    """The reporter stands before the text, in the manner of an agency, and nowhere else."""
    lines = [f"(가온=가온뉴스) 홍길동 기자 = {PARAGRAPHS[0]}", *PARAGRAPHS[1:]]
    text = "".join(f"<p>{one}</p>" for one in lines)
    middle = f"""<article class="story-news article"><header><h1 class="tit01">{TITLE}</h1></header><div class="updtime">
<span class="txt">송고시간 2024-08-08 13:00</span></div><div class="story-news"><figure class="image-zone"><img src="{PICTURE}"
width="700" alt=""><figcaption><strong class="tit-cap">{CAPTION}</strong></figcaption></figure>{text}
<p class="txt-copyright">&lt;저작권자(c) 가온뉴스, 무단 전재-재배포, AI 학습 및 활용 금지&gt; 2024/08/08 13:00 송고</p></div>
<div class="keyword-zone"><h2>태그</h2><a href="#">#가온시</a></div></article>"""
    fields = {"byline", "registered", "picture", "caption"}
    head = f'<meta property="og:title" content="{TITLE}"><title>{TITLE} | 가온뉴스</title>'
    return Shape("agency", "https://news.gaon.example/view/AKR20240808", _page(head, middle), frozenset(fields))


def shapes() -> tuple[Shape, ...]:
    """Return all of them."""
    return (
        _ndsoft(), _ndsoft_table(), _portal_blocks(), _portal_lines(), _board(), _blog_theme(), _machine_text(),
        _accelerated(), _tables(), _related_within(), _agency(),
    )  # fmt: skip
