"""`digest sources` and `digest collect`, against a real feed over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.collect.page_shapes import TITLE, shapes
from tests.support.commands import Commands
from tests.support.feed_server import FeedServer


def test_check_shows_what_would_be_collected_and_stores_nothing(near: Commands, feed: FeedServer) -> None:
    """The first thing an operator does with a feed's address."""
    shown = near("sources", "check", feed.feed_url).stdout
    found = near.json("sources", "check", feed.feed_url)

    assert "다리 개통" in shown
    assert [article["title"] for article in found["articles"]] == ["예산 의결", "다리 개통"]
    assert {"address", "type", "kind", "title", "doubts", "articles", "pages"} == found.keys()
    assert near.json("articles", "list")["articles"] == []


def test_check_tells_of_a_date_that_lies_ahead(near: Commands, feed: FeedServer) -> None:
    """Before a source is added it has to show all that is doubtful: this one would stand above every other article."""
    feed.publish(["내일 소식"], datetime.now(UTC) + timedelta(days=3))
    assert "lies ahead of the clock by 3 days" in " ".join(near("sources", "check", feed.feed_url).stdout.split())


def test_check_of_a_private_address_is_refused_with_the_setting_that_allows_it(
    commands_on_sqlite: Commands, feed: FeedServer
) -> None:
    """A feed's address is somebody else's choice; it must not reach into our network by itself."""
    commands_on_sqlite("sources", "check", feed.feed_url, code=1)

    assert feed.requests == 0


def test_check_of_a_server_that_is_away_says_try_later(near: Commands) -> None:
    """Exit code 5: nothing is wrong with the setup."""
    near.settings["PRIVATE_HOSTS"] = "127.0.0.1:1"

    near("sources", "check", "http://127.0.0.1:1/rss", code=5)


def test_add_asks_for_the_right_to_mail_it(near: Commands, feed: FeedServer) -> None:
    """저작권법 제46조: without a yes it is not added."""
    refused = near("sources", "add", "gaon", feed.feed_url, code=1, typed="n\n")
    before = near.json("sources", "list")["sources"]
    near("sources", "add", "gaon", feed.feed_url, typed="y\n")

    assert "이용 허락" in refused.stderr
    assert before == []
    [source] = near.json("sources", "list")["sources"]
    assert (source["name"], source["address"], source["provisioned"]) == ("gaon", feed.feed_url, False)


def test_collect_stores_each_article_once(near: Commands, feed: FeedServer) -> None:
    """Due or not; the second time nothing is new."""
    near("sources", "add", "gaon", feed.feed_url, "--section", "우리 동네", "--yes")

    [first] = near.json("collect")["reports"]
    [second] = near.json("collect", "gaon")["reports"]

    assert (first["source"], first["found"], first["new"]) == ("gaon", 2, 2)
    assert second["new"] == 0
    assert len(near.json("articles", "list")["articles"]) == 2


def test_collect_takes_over_sources_of_the_settings_and_tells_a_broken_one(near: Commands, feed: FeedServer) -> None:
    """One that is away is told (exit code 1) and does not stop the other."""
    near.settings["PRIVATE_HOSTS"] += " 127.0.0.1:1"
    near.settings["SOURCES"] = f"away | feed | http://127.0.0.1:1/rss\ngaon | feed | {feed.feed_url}"

    listed = near("sources", "list").stderr
    reports = {report["source"]: report for report in near.json("collect", code=1)["reports"]}

    assert "away, gaon" in listed
    assert reports["gaon"]["new"] == 2
    assert reports["away"]["problem"]


def test_a_source_of_the_settings_is_not_removed_by_command(near: Commands, feed: FeedServer) -> None:
    """It would be back at the next start; the answer says where to take it out."""
    near.settings["SOURCES"] = f"gaon | feed | {feed.feed_url}"
    near("collect")
    near("sources", "add", "second", feed.feed_url, "--yes")

    refused = near("sources", "remove", "gaon", code=1).stderr
    near("sources", "remove", "second")

    assert "SOURCES" in refused
    assert [source["name"] for source in near.json("sources", "list")["sources"]] == ["gaon"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("Gaon", "https://gaon.example/rss"), "small Latin letters"),
        (("gaon", "gaon.example/rss"), "https://"),
        (("gaon", "https://gaon.example/rss\nx | feed | https://y.example"), "source"),
        (("gaon", "https://gaon.example/rss", "--type", "telex"), "feed"),
        (("gaon", "https://gaon.example/rss", "--rights", "all"), "link_only"),
    ],
)
def test_wrong_words_are_told_before_anything_is_fetched(
    commands_on_sqlite: Commands, words: tuple[str, ...], why: str
) -> None:
    """Exit code 2, with what to write instead."""
    assert why in commands_on_sqlite("sources", "add", *words, code=2).stderr


def test_check_of_an_unknown_name_says_so(commands_on_sqlite: Commands) -> None:
    """A name is looked for in SOURCES and in the database."""
    assert "no source nowhere" in commands_on_sqlite("sources", "check", "nowhere", code=1).stderr


def test_add_takes_an_address_alone_and_proposes_a_name(near: Commands, feed: FeedServer) -> None:
    """The shortest way: the address of a site, a name of one's own, a yes."""
    near("sources", "add", feed.feed_url, typed="gaon\ny\n")

    [source] = near.json("sources", "list")["sources"]
    assert (source["name"], source["type"], source["rights"], source["rights_answer"]) == (
        "gaon", "feed", "excerpt", "yes",
    )  # fmt: skip
    assert source["rights_answered_at"]
    assert "이용 허락을 받았습니까" in source["rights_question"]
    assert source["rights_answered_by"]


def test_without_permission_a_source_is_added_with_links_only(near: Commands, feed: FeedServer) -> None:
    """Titles with links may be mailed; the no is kept as an answer."""
    near("sources", "add", "gaon", feed.feed_url, typed="n\ny\n")

    [source] = near.json("sources", "list")["sources"]
    assert (source["rights"], source["rights_answer"]) == ("link_only", "no")
    assert source["rights_answered_at"]


def test_whole_texts_want_to_know_whose_permission_it_is(near: Commands, feed: FeedServer) -> None:
    """A yes alone is forgotten in a year; the words are kept."""
    near("sources", "add", "gaon", feed.feed_url, "--rights", "full_text_mail", typed="y\nown paper\n")
    near("sources", "add", "naru", feed.feed_url, "--rights", "full_text_mail", "--permission", "나루 | 계약 '24")

    answers = {each["name"]: each["rights_answer"] for each in near.json("sources", "list")["sources"]}
    assert answers == {"gaon": "own paper", "naru": "나루 | 계약 '24"}


def test_opml_goes_in_after_a_yes_and_comes_out_again(commands_on_sqlite: Commands) -> None:
    """Nothing is fetched; what is a source already is told and left out."""
    file = commands_on_sqlite.folder / "papers.opml"
    file.write_text(
        '<opml version="2.0"><body><outline text="이웃"><outline text="나루" xmlUrl="https://naru.example/rss"/>'
        '<outline text="한빛" xmlUrl="https://hanbit.example/rss"/></outline></body></opml>',
        encoding="utf-8",
    )

    commands_on_sqlite("sources", "import", str(file), code=1, typed="n\n")
    before = commands_on_sqlite.json("sources", "list")["sources"]
    commands_on_sqlite("sources", "import", str(file), typed="y\ny\n")
    commands_on_sqlite("sources", "import", str(file), code=1)
    out = commands_on_sqlite("sources", "export").stdout

    assert before == []
    added = commands_on_sqlite.json("sources", "list")["sources"]
    assert [(each["name"], each["section"]) for each in added] == [("hanbit", "이웃"), ("naru", "이웃")]
    assert 'xmlUrl="https://naru.example/rss"' in out


def test_check_reads_the_pages_of_the_first_two_articles_and_says_which_way(near: Commands, feed: FeedServer) -> None:
    """Here an operator sees whether selectors are needed at all, before anything is mailed."""
    feed.publish(["축제 개막"], datetime.now(UTC))
    feed.pages[2] = ""

    pages = near.json("sources", "check", feed.feed_url, "--option", "page.title=h1")["pages"]
    words = near("sources", "check", feed.feed_url)

    assert [page["link"][-5:] for page in pages] == ["idx=3", "idx=2"]
    assert (pages[0]["title"], pages[0]["found_by"]["title"]) == ("축제 개막", "selector")
    assert "410" in pages[1]["problem"] or "404" in pages[1]["problem"]
    assert "축제 개막 소식을 전합니다." in words.stdout
    assert near.json("articles", "list")["articles"] == []


def test_check_leaves_pages_alone_that_are_not_to_be_read(near: Commands, feed: FeedServer) -> None:
    """`read=no` means what it says."""
    assert near.json("sources", "check", feed.feed_url, "--option", "read=no")["pages"] == []


def test_a_selector_that_is_no_css_is_told_before_anything_is_fetched(near: Commands, feed: FeedServer) -> None:
    """It would be found out at night, by articles without text."""
    told = near("sources", "add", "gaon", feed.feed_url, "--option", "page.body=div[", code=2).stderr

    assert "page.body" in told
    assert feed.requests == 0


def test_check_of_an_articles_own_page_shows_how_it_is_read(near: Commands, feed: FeedServer) -> None:
    """Its links to other articles make no list of it; that is what an operator asks who sees a wrong text."""
    shape = next(one for one in shapes() if one.name == "related-within")
    feed.pages[9] = shape.html
    address = f"{feed.base_url}/news/view.php?idx=9"

    found = near.json("sources", "check", address)
    words = near("sources", "check", address)

    assert found.keys() == {"url", "pages"}
    assert [(page["title"], page["byline"]) for page in found["pages"]] == [(TITLE, "홍길동 기자")]
    assert "article's page" in words.stderr
    assert "found by" in words.stdout


@pytest.mark.parametrize(
    ("html", "told"),
    [
        (
            '<html><head><meta property="og:title" content="[영상] 한빛시 소식">'
            '<meta property="article:published_time" content="2026-11-23T10:00:00+09:00"></head><body>영상</body>',
            "no text to speak of",
        ),
        ("<html><body><p>삭제된 기사입니다.</p></body></html>", "was deleted"),
    ],
)
def test_check_of_a_page_without_a_text_says_so(near: Commands, feed: FeedServer, html: str, told: str) -> None:
    """A film's page, or one that is gone: "no headlines were found" was no answer to who asked for an article."""
    feed.pages[9] = html

    words = near("sources", "check", f"{feed.base_url}/news/view.php?idx=9")

    assert "article's page" in words.stderr
    assert told in words.stderr


def test_sources_keep_their_names_on_the_way_through_opml(near: Commands, feed: FeedServer) -> None:
    """What one machine exports, another imports."""
    near("sources", "add", "gaon-city", feed.feed_url, "--yes")
    file = near.folder / "all.opml"
    file.write_text(near("sources", "export").stdout, encoding="utf-8")
    near("sources", "remove", "gaon-city")

    near("sources", "import", str(file), "--yes")

    assert [each["name"] for each in near.json("sources", "list")["sources"]] == ["gaon-city"]


@pytest.mark.parametrize(
    ("words", "typed", "rights", "answer"),
    [
        ((), "y\ny\n나루의 허락\n", ["full_text_mail", "link_only"], "나루의 허락"),
        (("--permission", "나루의 허락"), "y\n", ["full_text_mail", "link_only"], "나루의 허락"),
        (("--yes",), "", ["excerpt", "link_only"], "yes (--yes)"),
        (("--rights", "excerpt"), "y\ny\n", ["excerpt", "excerpt"], "yes"),
        ((), "y\nn\ny\n", ["link_only", "link_only"], "no"),
    ],
)
def test_what_a_file_says_of_rights_holds_with_ones_own_answer_alone(
    near: Commands, feed: FeedServer, *, words: tuple[str, ...], typed: str, rights: list[str], answer: str
) -> None:
    """저작권법 제46조: a permission of whoever wrote the file is none of whoever reads it; options come along."""
    near("sources", "add", "gaon", feed.feed_url, "--rights", "full_text_mail", "--permission", "own",
         "--option", "page.body=#body > p", "--pictures", "img.gaon.example")  # fmt: skip
    near("sources", "add", "links", f"{feed.feed_url}?all", "--rights", "link_only", typed="y\n")
    file = near.folder / "all.opml"
    file.write_text(near("sources", "export").stdout, encoding="utf-8")
    near("sources", "remove", "gaon")
    near("sources", "remove", "links")
    near.settings["DATABASE_URL"] = f"sqlite:///{near.folder / 'other.sqlite'}"
    near("migrate")

    near("sources", "import", str(file), *words, typed=typed)

    found = near.json("sources", "list")["sources"]
    assert [(each["name"], each["rights"]) for each in found] == list(zip(("gaon", "links"), rights, strict=True))
    assert {each["rights_answer"] for each in found} == {answer}
    assert 'digest:page.body="#body &gt; p"' in near("sources", "export").stdout
    assert 'digest:pictures="img.gaon.example"' in near("sources", "export").stdout


def test_options_of_a_file_that_cannot_be_used_are_left_out_with_a_word(commands_on_sqlite: Commands) -> None:
    """A file is somebody else's: what it says is checked as a line of SOURCES is."""
    file = commands_on_sqlite.folder / "papers.opml"
    file.write_text(
        '<opml version="2.0" xmlns:d="urn:newspaper-digest:source"><body>'
        '<outline text="naru" xmlUrl="https://naru.example/rss" d:page.body="div[" d:rights="excerpt"/>'
        '<outline text="hanbit" xmlUrl="https://hanbit.example/rss" d:rights="everything"/></body></opml>',
        encoding="utf-8",
    )

    told = commands_on_sqlite("sources", "import", str(file), "--yes").stderr

    assert told.count("is taken without what the file says of it") == 2
    added = commands_on_sqlite.json("sources", "list")["sources"]
    assert [(each["name"], each["rights"]) for each in added] == [("hanbit", "excerpt"), ("naru", "excerpt")]


def test_an_address_that_is_a_source_already_is_told(near: Commands, feed: FeedServer) -> None:
    """Collected twice, nothing new ever comes under the second name, and nobody understands why."""
    near("sources", "add", "gaon", feed.feed_url, "--yes")

    again = near("sources", "add", "second", feed.feed_url, "--yes").stderr

    assert "This is the source gaon already" in again
