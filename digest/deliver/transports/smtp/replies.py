"""Cut what a server sends into replies (RFC 5321 §4.2). Pure: bytes in, replies out, however they were split.

The server is not trusted: a line may have 8 KiB, a reply of several lines 32 KiB, and what does not begin with a code
from 200 to 599 is told as a reply with code 0 and the text that was read. Nothing after that can be paired with a
command any more.
"""

UNREADABLE = 0
_MAX_LINE = 8192
_MAX_REPLY = 32_768
_SHOWN = 100
_CODES = {b"%d" % code: code for code in range(200, 600)}


class ReplyReader:
    """Feed it what was received. `unfinished`: it holds the beginning of a reply."""

    def __init__(self) -> None:
        self._rest = b""
        self._earlier_lines: list[bytes] = []
        self._earlier_octets = 0

    @property
    def unfinished(self) -> bool:
        return bool(self._rest or self._earlier_lines)

    def feed(self, received: bytes) -> list[tuple[int, bytes]]:
        """Return the replies that are complete now, each as its code and its text, lines joined by blanks.

        One that cannot be read has the code `UNREADABLE` and is the last; feed nothing more then.
        """
        if self._rest:
            received = self._rest + received
        replies: list[tuple[int, bytes]] = []
        start = 0
        while (end := received.find(b"\n", start)) >= 0:
            line = received[start:end]
            start = end + 1
            code, mark = _CODES.get(line[:3]), line[3:4]
            if code is None or len(line) > _MAX_LINE:
                return [*replies, _unreadable(line)]
            if mark == b"-":
                self._earlier_lines.append(line[4:])
                self._earlier_octets += len(line)
                if self._earlier_octets > _MAX_REPLY:
                    return [*replies, _unreadable(line)]
            elif mark in b" \r":
                replies.append((code, self._text(line[4:]) if self._earlier_lines else line[4:]))
            else:
                return [*replies, _unreadable(line)]
        self._rest = received[start:]
        if len(self._rest) > _MAX_LINE:
            replies.append(_unreadable(self._rest))
        return replies

    def _text(self, last_line: bytes) -> bytes:
        text = b" ".join((*self._earlier_lines, last_line))
        self._earlier_lines.clear()
        self._earlier_octets = 0
        return text


def _unreadable(line: bytes) -> tuple[int, bytes]:
    if len(line) > _MAX_LINE:
        return UNREADABLE, b"(a line of more than %d octets)" % _MAX_LINE
    return UNREADABLE, line[:_SHOWN]
