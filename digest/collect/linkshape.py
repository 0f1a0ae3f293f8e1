"""Which addresses of a newspaper's site are articles, by the look of the address alone.

The systems that Korean newspapers run on write an article's number into its address: `view.php?idx=71428`,
`articleView.html?idxno=1234`, `board.php?bo_table=news&wr_id=77`, `/article/202608080012`, `/2026/08/08/bridge`.
`shape` leaves out that number, so that the articles of one site have one shape, and menus, lists of sections, log-in
and print pages have others or none. A pattern of the operator's own (`pattern=`, `regex=`) goes before all this. Pure.
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from digest.collect.source import Options
from digest.errors import SourceUnreadableError

# Names of the query's value that is an article's number, the surest ones first.
_NUMBER_NAMES = (
    "idxno", "wr_id", "newsid", "news_id", "newsidx", "news_idx", "newsno", "news_no", "articleid", "article_id",
    "articleno", "article_no", "artid", "art_id", "aid", "ar_id", "arcid", "gisa_id", "gisaid", "contid", "cont_id",
    "ncd", "nid", "ud", "idx", "seq", "no", "num", "uid", "id", "code",
)  # fmt: skip
_NUMBER = re.compile(r"[A-Za-z]{0,4}\d{1,24}")
_NO_ARTICLE = re.compile(
    r"list|login|logout|member|join|search|print|sendmail|mailto|reply|comment|popup|banner|company|customer|subscribe"
    r"|sitemap|privacy|policy|rss|calendar|poll|cart|download|write|register",
    re.IGNORECASE,
)
_DAY = re.compile(r"/(?:19|20)\d{2}[/-]?(?:0[1-9]|1[0-2])(?:[/-]?(?:0[1-9]|[12]\d|3[01]))?/")
_LONG_NUMBER = re.compile(r"\d{4,}")
_ARTICLE_FOLDER = re.compile(r"/(?:article|articles|articleview|news|view|story|detail|content|read)/", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:html?|php|do|jsp|aspx?|nhn|amp)$", re.IGNORECASE)


def shape(url: str) -> str:
    """Return the address without its article's number, or an empty text where it is none of an article."""
    try:
        split = urlsplit(url)
        host = (split.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return ""
    path = split.path
    if not host or _NO_ARTICLE.search(path.rpartition("/")[2]):
        return ""
    query = {name.lower(): value for name, value in parse_qsl(split.query)[:30]}
    if _ENDING.search(path) or not path.strip("/") or query:
        for name in _NUMBER_NAMES:
            if _NUMBER.fullmatch(query.get(name, "")):
                return f"{host}{path.lower()}?{name}=#"
    return f"{host}{_path_shape(path)}" if _path_shape(path) else ""


def _path_shape(path: str) -> str:
    folder, _, last = _ENDING.sub("", path.rstrip("/")).rpartition("/")
    if _DAY.search(f"{folder}/") and last:
        return _DAY.sub("/day/", f"{folder}/", count=1).lower() + "#"
    if _LONG_NUMBER.search(last):
        return _numberless(folder) + "/#"
    if last.isdigit() and _ARTICLE_FOLDER.search(f"{folder}/"):
        return _numberless(folder) + "/#"
    return ""


def _numberless(folder: str) -> str:
    return re.sub(r"\d+", "#", folder.lower())


def chosen_by(options: Options) -> Callable[[str], bool] | None:
    """Return the test that the options `pattern` or `regex` ask for; None without them.

    A pattern stands for the whole address, or, where it begins with `/`, for what follows the host; `*` is anything.
    `SourceUnreadableError` for a `regex` that is none.
    """
    given = dict(options)
    tests: list[Callable[[str], bool]] = []
    if pattern := given.get("pattern"):
        glob = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)
        tests.append(lambda url: bool(glob.fullmatch(_behind_host(url) if pattern.startswith("/") else url)))
    if expression := given.get("regex"):
        try:
            compiled = re.compile(expression)
        except (re.error, RecursionError, OverflowError) as error:
            raise SourceUnreadableError(f"regex={expression} is no regular expression: {error}.") from error
        tests.append(lambda url: bool(compiled.search(url)))
    return (lambda url: all(test(url) for test in tests)) if tests else None


def _behind_host(url: str) -> str:
    split = urlsplit(url)
    return f"{split.path or '/'}{'?' if split.query else ''}{split.query}"
