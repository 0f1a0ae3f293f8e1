"""Recorded list pages and sitemaps of fictional papers, in the shapes that the common systems write."""

GAON_LIST = """<!DOCTYPE html><html lang="ko"><head><meta charset="utf-8"><title>가온일보 - 전체기사</title>
<link rel="alternate" type="application/rss+xml" href="/rss/allArticle.xml"></head><body>
<header><nav id="gnb"><ul><li><a href="/news/articleList.html?sc_section_code=S1N1">정치</a></li>
<li><a href="/news/articleView.html?idxno=1">가온일보를 소개합니다 여러분</a></li></ul></nav></header>
<section id="section-list"><ul class="type2">
<li><a href="/news/articleView.html?idxno=5003" class="thumb"><img src="/photo/5003.jpg" alt="다리"></a>
 <h4 class="titles"><a href="/news/articleView.html?idxno=5003">가온대교 10년 만에 개통… &lt;르포&gt;</a></h4>
 <p class="lead"><a href="/news/articleView.html?idxno=5003">
  가온시가 가온대교를 23일 개통했다고 밝혔다. 공사는 10년이 걸렸다.</a></p>
 <span class="byline"><em>시정</em> | <em>김가온 기자</em> | <em>2026-11-23 09:10</em></span></li>
<li><h4 class="titles"><a href="/news/articleView.html?idxno=5002">시의회, 새해 예산 1조2천억 원 의결</a></h4>
 <span class="byline"><em>의회</em> | <em>이나루 기자</em> | <em>2026.11.22 18:00</em></span></li>
<li><h4 class="titles"><a href="/news/articleView.html?idxno=5001">가온중 학생들, 2025.03.02 입학식을 다시 열다</a></h4>
 <span class="byline"><em>교육</em> | <em>박샘 기자</em> | <em>2026년 11월 21일 오후 1시 5분</em></span></li>
</ul><ul class="pagination"><li><a href="/news/articleList.html?page=2&amp;sc=A">2</a></li></ul></section>
<aside class="ranking"><a href="/news/articleView.html?idxno=4000">많이 본 지난해 기사 제목입니다</a></aside>
<footer><a href="/com/kn.html">회사소개</a></footer></body></html>"""

NARU_LIST = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=euc-kr">
<title>나루신문</title></head><body><table>
<tr><td><a href="view.php?idx=71428"><img src="img/71428.jpg" width="120" height="80"></a></td>
<td><a href="view.php?idx=71428"><b>나루시, 똠방각하 축제 연다</b></a><br>
나루시는 오는 12월 축제를 연다고 밝혔다고 한다.<br>
26-11-23 13:00</td></tr>
<tr><td></td><td><a href="view.php?idx=71427"><b>펲시장 상인회 새 회장 뽑아</b></a><br>3시간 전</td></tr>
<tr><td></td><td><a href="view.php?idx=71426"><b>나루천 산책로 넓힌다</b></a></td></tr>
</table><a href="list.php?cate=1">정치 기사 전체 목록 보기</a></body></html>""".encode("cp949")

BOARD_LIST = """<html><head><title>새샘뉴스</title></head><body><div id="bo_list"><ul>
<li><div class="bo_subject"><a href="./board.php?bo_table=news&amp;wr_id=77&amp;page=1">
새샘도서관 이달 문 연다</a></div>
<span class="td_datetime">2026-11-20</span></li>
<li><div class="bo_subject"><a href="./board.php?bo_table=news&amp;wr_id=76&amp;page=1"
title="새샘면 이장단이 겨울 점퍼를 모아 보내다">
새샘면 이장단이 겨울 점퍼를…</a></div><span class="td_datetime">2026-11-19</span></li>
</ul></div></body></html>"""

CARDS_LIST = """<html><head><title>한빛투데이</title></head><body><main>
<article><a href="https://hanbit.example/article/202611230007"><figure><img data-src="/p/7.webp" src="data:,"></figure>
<strong>한빛항 새 부두 첫 배 들어와</strong><p>23일 아침 첫 배가 들어왔다고 항만청이 말했다고 전했다.</p>
<time datetime="2026-11-23T08:00:00+09:00">1시간 전</time></a></article>
<article><a href="https://hanbit.example/article/202611230006"><strong>한빛시장 설 대목 준비 한창</strong>
<time datetime="2026-11-23T07:00:00+09:00">2시간 전</time></a></article>
<article><a href="https://hanbit.example/article/202611220041"><strong>바다 쓰레기 한 해 40톤 건졌다</strong>
<time datetime="2026-11-22T17:00:00+09:00">어제</time></a></article></main></body></html>"""

NEWS_SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"
 xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>https://gaon.example/news/articleView.html?idxno=5002</loc><news:news><news:publication>
<news:name>가온일보</news:name><news:language>ko</news:language></news:publication>
<news:publication_date>2026-11-22T18:00:00+09:00</news:publication_date>
<news:title>시의회, 새해 예산 &amp;quot;1조&amp;quot; 의결</news:title>
<news:keywords>의회, 예산</news:keywords></news:news></url>
<url><loc>https://gaon.example/news/articleView.html?idxno=5003</loc><image:image>
<image:loc>https://gaon.example/photo/5003.jpg</image:loc><image:caption>가온대교</image:caption></image:image>
<news:news><news:publication_date>2026-11-23T09:10:00+09:00</news:publication_date>
<news:title>가온대교 개통</news:title></news:news></url></urlset>"""

PLAIN_SITEMAP = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://gaon.example/</loc></url><url><loc>https://gaon.example/com/kn.html</loc></url>
<url><loc>https://gaon.example/news/articleView.html?idxno=1</loc><lastmod>2020-01-01</lastmod></url>
<url><loc>https://gaon.example/news/articleView.html?idxno=5003</loc><lastmod>2026-11-23T09:20:00+09:00</lastmod></url>
</urlset>"""

SITEMAP_INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://gaon.example/sitemap-2026-10.xml</loc><lastmod>2026-10-31</lastmod></sitemap>
<sitemap><loc>https://gaon.example/sitemap-2026-11.xml</loc><lastmod>2026-11-23</lastmod></sitemap>
<sitemap><loc>https://gaon.example/sitemap-2020-01.xml</loc><lastmod>2020-01-31</lastmod></sitemap>
<sitemap><loc>http://10.0.0.1/inside.xml</loc></sitemap></sitemapindex>"""

OPML = """<?xml version="1.0"?><opml version="1.0"><body><outline text="시정"><outline text="가온">
<outline text="가온일보" xmlUrl="https://www.gaon.example/rss/allArticle.xml" type="rss"/></outline></outline>
<outline title="나루신문" text="나루" xmlUrl="https://naru.example/rss"/>
<outline text="또 가온" xmlUrl="https://www.gaon.example/rss/allArticle.xml"/>
<outline text="나쁨" xmlUrl="javascript:alert(1)"/></body></opml>"""
