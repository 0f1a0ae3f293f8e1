"""OPML, the format in which feed readers hand each other their lists of feeds.

In: the bytes of a file; outlines may be nested, the nearest one without an address of its own is the section. Out: what
it lists, each address once, and what was left out in words. And back: sources to a document. What a source has besides,
its rights and options, goes along in attributes of a namespace of ours, which other readers pass over; what is read of
them is only what the file says, for the caller to check and to ask about. A file is somebody else's: no entities, no
network, bounded in size and depth (lxml). http://opml.org/spec2.opml
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from digest.collect.charset import decode
from digest.collect.normalize import clean_title, shorten, usable_link
from digest.errors import SourceUnreadableError
from digest.models.sources import Purpose, Source, SourceSpec, SourceState

_MAX_BYTES = 5_000_000
_MAX_FEEDS = 1000
_MAX_DEPTH = 20
_MAX_OWN = 40
_LONGEST_OWN = 1000
_OURS = "urn:newspaper-digest:source"
_ROOT = re.compile(r"<opml(?=[\s>/])", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_TYPES = ("listpage", "sitemap")  # written by us into `type`; every other type of an outline is a feed


@dataclass(frozen=True, slots=True)
class Listed:
    """One feed of an OPML file. `section` is empty where it stands in no group.

    `own` is what a file of ours says besides, by the names that a line of `SOURCES` has: nothing of it is checked.
    """

    title: str
    url: str
    type: str
    section: str
    own: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OpmlRead:
    """What a file lists, and what was doubtful or left out."""

    feeds: tuple[Listed, ...]
    doubts: tuple[str, ...]


def read(body: bytes) -> OpmlRead:
    """Return what the file lists, in its order; `SourceUnreadableError` if it is no OPML."""
    if len(body) > _MAX_BYTES:
        raise SourceUnreadableError(f"The file is larger than {_MAX_BYTES:,} bytes.")
    decoded = decode(body)
    root = _ROOT.search(decoded.text)
    if root is None:
        raise SourceUnreadableError("This is no OPML file: there is no <opml> in it.")
    text = _FORBIDDEN.sub("", decoded.text[root.start() :])
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        document = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceUnreadableError(f"This OPML file cannot be parsed: {error}.") from error
    if document is None:
        raise SourceUnreadableError("This OPML file cannot be parsed.")
    doubts = list(decoded.doubts)
    if len(parser.error_log):
        doubts.append(f"not well-formed XML ({parser.error_log[0].message[:200]}); what could be read was read")
    found: dict[str, Listed] = {}
    _gather(document, "", 0, found, doubts)
    return OpmlRead(tuple(found.values()), tuple(doubts))


def _gather(above: etree._Element, section: str, depth: int, found: dict[str, Listed], doubts: list[str]) -> None:
    for element in above:
        if not isinstance(element.tag, str) or len(found) >= _MAX_FEEDS or depth > _MAX_DEPTH:
            continue
        within = section
        if element.tag.lower() == "outline":
            attributes = {str(name).lower(): str(value) for name, value in element.attrib.items()}
            title = shorten(clean_title(attributes.get("title") or attributes.get("text") or ""), 200)
            if "xmlurl" in attributes:
                _add(attributes, title, section, found, doubts)
            else:
                within = shorten(title, 60) or section
        _gather(element, within, depth + 1, found, doubts)


def _add(attributes: dict[str, str], title: str, section: str, found: dict[str, Listed], doubts: list[str]) -> None:
    url = usable_link(attributes["xmlurl"], "")
    if not url:
        doubts.append(f"{title or 'one without a title'} was left out: its address is none that can be fetched")
    elif url in found:
        doubts.append(f"{url} stands there twice; the first one counts")
    else:
        type_ = attributes.get("type", "").lower()
        ours = [(name.removeprefix(f"{{{_OURS}}}"), value) for name, value in attributes.items() if _OURS in name]
        own = tuple((name, value) for name, value in ours[:_MAX_OWN] if len(value) <= _LONGEST_OWN)
        found[url] = Listed(title, url, type_ if type_ in _TYPES else "feed", section, own)


def write(newspaper: str, sources: Iterable[Source]) -> bytes:
    """Return an OPML 2.0 document of `sources`, grouped by section."""
    root = etree.Element("opml", version="2.0", nsmap={"digest": _OURS})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = _xml(newspaper)
    body = etree.SubElement(root, "body")
    groups: dict[str, etree._Element] = {"": body}
    for source in sources:
        if source.state is SourceState.REMOVED:
            continue
        spec = source.spec
        if spec.section not in groups:
            groups[spec.section] = etree.SubElement(body, "outline", text=_xml(spec.section))
        type_ = spec.type if spec.type in _TYPES else "rss"
        outline = etree.SubElement(groups[spec.section], "outline", text=spec.name, type=type_, xmlUrl=_xml(spec.url))
        for name, value in _own(spec):
            outline.set(f"{{{_OURS}}}{name}", _xml(value))
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def _own(spec: SourceSpec) -> list[tuple[str, str]]:
    given = [("rights", spec.rights.value), ("permission", spec.permission)]
    given += [("purpose", spec.purpose.value)] if spec.purpose is not Purpose.ARTICLES else []
    return [
        (name, value) for name, value in [*given, ("pictures", ",".join(spec.picture_hosts)), *spec.options] if value
    ]


def _xml(text: str) -> str:
    return _FORBIDDEN.sub("", text)
