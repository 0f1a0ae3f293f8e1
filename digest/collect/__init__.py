"""From a source to stored articles: fetch politely, decode, parse in a process apart, normalise, keep once.

`collector` holds the acts, `source` the contract of a source type, `sources/` the types. The pure modules (`charset`,
`dates`, `freshness`, `normalize`, `prose`, `xmltext`) decide from values alone.
"""
