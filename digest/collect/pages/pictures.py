"""The lead picture of an article, its caption, and the elements that hold captions.

The first picture within the article counts that is meant to be seen; lazily loaded ones have their address in `data-…`.
Captions are those of the `figure`, else of an element named so near the picture; an `alt` text is none, it is rarely
printed. Where the article has no picture, `og:image` is taken unless it is the paper's logo. Pure.
"""

import re

from selectolax.lexbor import LexborNode

from digest.collect.normalize import clean_line, usable_link
from digest.collect.pages.blocks import NOT_THE_ARTICLE, PICTURE_WORDS, is_marked_caption
from digest.collect.pages.metadata import Metadata
from digest.collect.pages.tree import ancestors, attribute, is_hidden, text_of, words_of
from digest.collect.prose import pixels
from digest.models.articles import Picture

_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-lazy", "data-echo", "data-url")
_ORNAMENT = re.compile(
    r"(?:^|[/_.-])(?:logo|icons?|ico|btn|button|banner|bnr|blank|spacer|loading|pixel|noimg|noimage|no_image|no-image|default(?!/files/)|"
    r"dot|bullet|emoticon|sns|kakao|facebook|profile|avatar|ad|ads)(?:[/_.\d-]|$)",
    re.IGNORECASE,
)
_CAPTION_WORDS = {"caption", "captions", "cap", "imgcaption", "photocaption", "desc", "txt", "phototext"}
_BUTTON = re.compile(
    r"(?:(?:사진|이미지|원본)?\s?(?:확대|크게)\s?(?:보기)?|원본\s?보기|닫기|zoom|enlarge|\d+\s?/\s?\d+)+", re.IGNORECASE
)
_SMALLEST, _LONGEST_CAPTION, _MOST_PICTURES, _MOST_BEFORE = 60, 300, 60, 8


def lead_picture(root: LexborNode, selector: str, base: str) -> Picture | None:
    """Return the first picture within `root` (or the first that fits `selector`)."""
    for image in root.css(selector or "img, amp-img")[:_MOST_PICTURES]:
        picture = _picture(image, base)
        if picture is not None:
            return Picture(picture.url, caption_of(image, root), picture.width, picture.height)
    return None


def _picture(image: LexborNode, base: str) -> Picture | None:
    written = _address(image)
    url = usable_link(written, base) if written else ""
    width, height = pixels(attribute(image, "width")), pixels(attribute(image, "height"))
    is_small = any(size is not None and size < _SMALLEST for size in (width, height))
    if not url or is_small or _ORNAMENT.search(url.split("?")[0].partition("//")[2].partition("/")[2]):
        return None
    return None if is_hidden(image.attributes) else Picture(url, "", width, height)


def _address(image: LexborNode) -> str:
    """Where the picture is: papers have a script put it into `src` later, from an attribute of any name."""
    attributes = {name: (value or "").strip() for name, value in image.attributes.items()}
    late = [name for name in attributes if name.startswith("data-") and name.endswith(("src", "source", "original"))]
    for name in (*_SOURCES, *late, "src"):
        if (value := attributes.get(name, "")) and not value.startswith("data:"):
            return value
    written = attributes.get("srcset") or attributes.get("data-srcset") or ""
    return written.split(",")[0].split()[0] if written.strip(", ") and not written.startswith("data:") else ""


def caption_of(image: LexborNode, root: LexborNode) -> str:
    """The caption printed with a picture, empty if there is none."""
    for box in ancestors(image, 4):
        if box.mem_id == root.mem_id:
            break
        if (caption := box.css_first("figcaption")) is not None:
            return clean_line(text_of(caption))[:_LONGEST_CAPTION]
        named = next((one for one in box.css("*")[:50] if words_of(one.attributes) & _CAPTION_WORDS), None)
        text = text_of(named) if named is not None else ""
        around = text_of(box)
        if not text and (
            box.tag in ("table", "figure") or words_of(box.attributes) & PICTURE_WORDS or is_marked_caption(around)
        ):
            text = around
        if text and len(text) <= _LONGEST_CAPTION and not _BUTTON.fullmatch(text):
            return text
    following = (image.parent if image.parent is not None and image.parent.mem_id != root.mem_id else image).next
    for _ in range(4):
        if following is None:
            break
        if following.is_element_node:
            if is_marked_caption(said := text_of(following)):
                return said
            text = text_of(following) if words_of(following.attributes) & (_CAPTION_WORDS - {"txt"}) else ""
            return text if len(text) <= _LONGEST_CAPTION else ""
        following = following.next
    return ""


def picture_over(body: LexborNode, base: str) -> Picture | None:
    """The picture that stands with its caption beside the text's own element, in the part of the page around it."""
    for box in ancestors(body, 2):
        if box.tag in ("body", "html"):
            return None
        if (picture := captioned_picture(box, base)) is not None:
            return picture
    return _named_before(body, base)


def _named_before(body: LexborNode, base: str) -> Picture | None:
    """The picture in a box that is named for one, next to the text or to what wraps it, and before it."""
    for one in (body, *ancestors(body, 3)):
        before = one.prev
        for _ in range(_MOST_BEFORE):
            if before is None or before.tag in ("h1", "h2"):
                break
            if before.is_element_node and _is_box(before) and (picture := lead_picture(before, "", base)) is not None:
                image = before.css_first("img, amp-img")
                caption = picture.caption or (caption_of(image, one) if image is not None else "")
                return Picture(picture.url, caption, picture.width, picture.height)
            before = before.prev
    return None


def _is_box(node: LexborNode) -> bool:
    words = words_of(node.attributes)
    return bool(words & PICTURE_WORDS) and not words & NOT_THE_ARTICLE and node.css_first("a[href] img") is None


def captioned_picture(root: LexborNode, base: str) -> Picture | None:
    """The first picture of a photo story: the first `figure` within `root` that says what it shows."""
    for figure in root.css("figure")[:3]:
        picture = lead_picture(figure, "", base)
        if picture is not None and (caption := text_of(figure.css_first("figcaption"))):
            return Picture(picture.url, caption[:_LONGEST_CAPTION], picture.width, picture.height)
    return None


def metadata_picture(metadata: Metadata, base: str) -> Picture | None:
    """The picture the page names to machines."""
    url = usable_link(metadata.first("og:image", "og:image:url", "twitter:image") or metadata.picture, base)
    if not url or _ORNAMENT.search(url.split("?")[0].partition("//")[2].partition("/")[2]):
        return None
    return Picture(url, "", pixels(metadata.first("og:image:width")), pixels(metadata.first("og:image:height")))
