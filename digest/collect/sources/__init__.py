"""The source types that may stand in `SOURCES`.

To add one: a module here with `read` (the contract is in `digest.collect.source`), and its name in this table. What a
type shares with no other stands beside it (`feed_entry`, `feed_json`, `listpage_links`, `listpage_entry`).
"""

from digest.collect.source import SourceType
from digest.collect.sources import feed, listpage, sitemap

SOURCE_TYPES: dict[str, SourceType] = {"feed": feed, "listpage": listpage, "sitemap": sitemap}
