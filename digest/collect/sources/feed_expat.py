"""The parser under feedparser: Python's expat driver, with each text in one piece.

feedparser asks `xml.sax` for the drivers it is told to prefer (`feedparser.api.PREFERRED_XML_PARSERS`), so this is how
it is told. The usual driver hands on what expat says as it comes: a piece for every line and every `&lt;`, eighty for
the two new articles of a newspaper that writes HTML into its feed, and feedparser looks at each. What it makes of them
is the same: it joins them. Python 3.11 to 3.14; the standard library documents `buffer_text` of the parser, not that
its driver keeps that in `_parser`, so a driver that does not is used as it is.
"""

from typing import Any
from xml.sax import expatreader


class _Driver(expatreader.ExpatParser):
    def reset(self) -> None:
        super().reset()
        parser: Any = getattr(self, "_parser", None)  # Any: the driver's own, of no type
        if hasattr(parser, "buffer_text"):
            parser.buffer_text = True


def create_parser() -> expatreader.ExpatParser:
    """Return a parser; `xml.sax.make_parser` calls this."""
    return _Driver()
