"""Answers as people's mail programs make them: 120 mails in a table, made by code.

Each program has its way to quote and to sign; each is written in UTF-8, EUC-KR, CP949, decomposed, as HTML alone, above
and below the quote. `mails()` yields what was typed beside the bytes.
"""

import base64
import quopri
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

READER = "reader@example.com"


@dataclass(frozen=True)
class Written:
    """One mail: what its name is in the table, what was typed, the subject typed, the bytes."""

    name: str
    typed: str
    subject: str
    raw: bytes


# What stands below (or above) the typed words, and the HTML of it.
PROGRAMS = {
    "naver": (
        '\n\n-----Original Message-----\nFrom: "가온일보"<news@gaon.test>\nTo: <reader@example.com>\nCc:\n'
        "Sent: 2026-11-28 (토) 07:00:00 (GMT+09:00)\nSubject: 아침 소식\n\n구독\n해지\n기사입니다\n",
        '<p><br></p><p>-----Original Message-----<br><b>From:</b> "가온일보"&lt;news@gaon.test&gt;<br><b>To:</b> x<br>'
        "<b>Sent:</b> 2026-11-28<br></p><p>해지</p>",
    ),
    "daum": (
        "\n\n--------- 원본 메일 ---------\n보낸사람 : 가온일보 <news@gaon.test>\n받는사람 : reader@example.com\n"
        "날짜 : 2026년 11월 28일 토요일\n제목 : 아침 소식\n\n해지\n",
        "<br><br><blockquote style='margin:0'>--------- 원본 메일 ---------<br>보낸사람 : 가온<br>해지</blockquote>",
    ),
    "gmail": (
        "\n\n2026년 11월 28일 (토) 오전 7:00, 가온일보 <news@gaon.test>님이\n작성:\n\n> 기사입니다\n> 해지\n",
        '<br><div class="gmail_quote"><div dir="ltr">2026년 11월 28일 (토) 오전 7:00, 가온일보님이 작성:<br></div>'
        "<blockquote>해지</blockquote></div>",
    ),
    "gmail en": (
        "\n\nOn Sat, Nov 28, 2026 at 7:00 AM 가온일보 <news@gaon.test> wrote:\n\n> 기사입니다\n> unsubscribe\n",
        '<br><div class="gmail_quote">On Sat, Nov 28, 2026 wrote:<br><blockquote>unsubscribe</blockquote></div>',
    ),
    "outlook": (
        "\n\n________________________________\n보낸 사람: 가온일보 <news@gaon.test>\n"
        "보낸 날짜: 2026년 11월 28일 토요일 오전 7:00\n"
        "받는 사람: reader@example.com\n제목: 아침 소식\n\n해지\n",
        '<hr><div id="divRplyFwdMsg"><b>보낸 사람:</b> 가온일보<br><b>보낸 날짜:</b> 2026년<br></div><div>해지</div>',
    ),
    "iphone": (
        "\n\n나의 iPhone에서 보냄\n\n2026. 11. 28. 오전 7:00, 가온일보 <news@gaon.test> 작성:\n\n> 기사입니다\n"
        "> 해지\n",
        '<br><div>나의 iPhone에서 보냄</div><br><blockquote type="cite">2026. 11. 28. 작성:<br>해지</blockquote>',
    ),
    "galaxy": (
        "\n\n내 Galaxy에서 보냄\n\n\n-------- 원본 이메일 --------\n발신: 가온일보 <news@gaon.test>\n"
        "날짜: 26/11/28 오전 7:00\n"
        "받은 사람: reader@example.com\n제목: 아침 소식\n\n해지\n",
        "<br><div>내 Galaxy에서 보냄</div><div>-------- 원본 이메일 --------</div><div>발신: 가온일보</div>해지",
    ),
    "thunderbird": (
        "\n\n2026-11-28 오전 7:00에 가온일보 이(가) 쓴 글:\n> 기사입니다\n> 해지\n\n-- \n홍길동\n",
        '<br><div class="moz-cite-prefix">2026-11-28에 가온일보 이(가) 쓴 글:<br></div><blockquote>해지</blockquote>',
    ),
}
_MARKED = ("gmail", "gmail en", "iphone", "thunderbird")  # those that mark their quotes line by line
_ASKED = (("구독 해지", "Re: [가온일보] 아침 소식"), ("네, 확인합니다.", "답장: 확인해 주세요"))


def mails() -> Iterator[Written]:
    """Yield 120 mails: eight programs, two things typed, in every way."""
    for program, (below, html) in PROGRAMS.items():
        for typed, subject in _ASKED:
            text = typed + below
            for charset in ("utf-8", "euc-kr", "cp949"):
                yield Written(f"{program} {charset} {typed}", typed, subject, plain(text, subject, charset))
            decomposed = unicodedata.normalize("NFD", text)
            raw = plain(decomposed, unicodedata.normalize("NFD", subject), "utf-8", coding="quoted")
            yield Written(f"{program} nfd {typed}", typed, subject, raw)
            page = f"<html><head><title>해지</title></head><body><div>{typed}</div>{html}</body></html>"
            yield Written(f"{program} html {typed}", typed, subject, plain(page, subject, "utf-8", kind="html"))
            raw = plain(page, subject, "ks_c_5601-1987", kind="html", coding="quoted")
            yield Written(f"{program} html euc-kr {typed}", typed, subject, raw)
            yield Written(f"{program} raw {typed}", typed, subject, unlabelled(text, subject))
            if program in _MARKED:
                quoted = "\n".join(line for line in below.split("\n") if line.startswith(">") or "쓴 글" in line)
                raw = plain(f"{quoted}\n\n{typed}\n", subject, "utf-8")
                yield Written(f"{program} bottom {typed}", typed, subject, raw)


def plain(text: str, subject: str, label: str, *, kind: str = "plain", coding: str = "base64") -> bytes:
    """Return a mail of one part, its subject in encoded words of the same label."""
    codec = {"euc-kr": "cp949", "ks_c_5601-1987": "cp949"}.get(label, label)
    body = text.replace("\n", "\r\n").encode(codec, "replace")
    word = base64.b64encode(subject.encode(codec, "replace")).decode()
    payload = base64.encodebytes(body) if coding == "base64" else quopri.encodestring(body)
    name = {"base64": "base64", "quoted": "quoted-printable"}[coding]
    return (
        f"From: =?{label}?B?{base64.b64encode('홍길동'.encode(codec)).decode()}?= <{READER}>\r\n"
        f"To: <news@gaon.test>\r\nSubject: =?{label}?B?{word}?=\r\nMessage-ID: <a@example.com>\r\n"
        f"In-Reply-To: <b@gaon.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/{kind}; charset={label}\r\n"
        f"Content-Transfer-Encoding: {name}\r\n\r\n"
    ).encode() + payload


def unlabelled(text: str, subject: str) -> bytes:
    """Return a mail as old mailers write it: CP949 everywhere, and nothing that says so."""
    head = (
        f"From: 홍길동 <{READER}>\r\nTo: <news@gaon.test>\r\nSubject: {subject}\r\nMessage-ID: <a@example.com>\r\n\r\n"
    )
    return (head + text.replace("\n", "\r\n")).encode("cp949")
