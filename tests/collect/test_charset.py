"""The ladder of encodings."""

import codecs

import pytest

from digest.collect.charset import decode

KOREAN = "똠방각하가 펲시를 마시고 가온시의회 임시회에 나왔다. 시민들은 크게 웃었다."


def xml(text: str, declared: str) -> str:
    return f'<?xml version="1.0" encoding="{declared}"?><rss>{text}</rss>'


@pytest.mark.parametrize("declared", ["euc-kr", "EUC-KR", "ks_c_5601-1987", "KSC5601", "cp949", "utf-8", "iso-8859-1"])
def test_cp949_is_read_whatever_it_says_it_is(declared: str) -> None:
    """Papers write 똠 and 펲 into what they call EUC-KR, and call the same bytes UTF-8 after a move of servers."""
    decoded = decode(xml(KOREAN, declared).encode("cp949"))
    assert KOREAN in decoded.text
    assert decoded.encoding == "cp949"


@pytest.mark.parametrize("declared", ["utf-8", "euc-kr", "iso-8859-1", "no-such-code"])
def test_utf8_is_read_whatever_it_says_it_is(declared: str) -> None:
    """Text in another encoding practically never fits UTF-8, so what fits is UTF-8."""
    decoded = decode(xml(KOREAN, declared).encode("utf-8"))
    assert KOREAN in decoded.text
    assert (decoded.doubts == ()) == (declared == "utf-8")


def test_korean_without_any_declaration_is_recognised() -> None:
    """Old systems declare nothing."""
    assert KOREAN in decode(f"<rss>{KOREAN}</rss>".encode("cp949")).text


def test_the_server_may_say_what_the_document_does_not() -> None:
    """A charset in Content-Type counts where the document is silent."""
    decoded = decode("<rss>Новости города</rss>".encode("koi8-r"), 'text/xml; charset="KOI8-R"')
    assert "Новости города" in decoded.text


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("big5", "十一月的蕭邦 夜曲"), ("windows-1251", "Как пережить новогоднюю ночь"),
        ("ibm866", "Как пережить новогоднюю ночь"), ("iso-8859-1", "Revolução nas telas quânticas"),
        ("shift_jis", "新聞の記事を読む"), ("gb2312", "今天的新闻"), ("iso-8859-2", "Żółta łódź podwodna"),
        ("iso-2022-jp", "新聞の記事を読む"), ("mac_cyrillic", "Как пережить новогоднюю ночь"),
    ],
)  # fmt: skip
def test_other_declared_encodings_are_honoured(codec: str, text: str) -> None:
    """Only Latin-1 is doubted, because any bytes at all are Latin-1."""
    assert text in decode(xml(text, codec).encode(codec)).text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_by_mark_and_by_their_zeros(codec: str) -> None:
    """Windows servers send these, with and without a byte order mark."""
    marks = {
        "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE,
        "utf-32-le": codecs.BOM_UTF32_LE,
        "utf-32-be": codecs.BOM_UTF32_BE,
    }
    bare = xml(KOREAN, "utf-16").encode(codec)
    for body in (bare, marks[codec] + bare):
        assert decode(body).text == xml(KOREAN, "utf-16")


def test_a_syllable_cut_in_two_spoils_one_letter_only() -> None:
    """Systems that cut descriptions by bytes must not turn the whole feed into another encoding."""
    whole = xml(KOREAN * 3, "utf-8")
    for codec in ("utf-8", "cp949"):
        encoded = whole.encode(codec)
        cut = encoded.replace("웃었다".encode(codec), "웃었다".encode(codec)[:-1], 1)
        decoded = decode(cut)
        assert "가온시의회 임시회" in decoded.text
        assert decoded.doubts


def test_undeclared_accented_letters_are_western() -> None:
    """Neither UTF-8 nor Korean: the guess is told."""
    decoded = decode("<rss>simulações de 2º turno</rss>".encode("latin-1"))
    assert "simulações de 2º turno" in decoded.text
    assert "guessed" in decoded.doubts[0]


def test_no_bytes_at_all_make_it_fail() -> None:
    """Whatever comes, something is returned."""
    for body in (b"", b"\xff", b"\xfe\xff\xd8", bytes(range(256)), b'<?xml encoding="hex"?>\xff\xfe\xfd'):
        assert isinstance(decode(body, "text/xml; charset=rot13").text, str)
