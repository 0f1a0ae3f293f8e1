"""Mails to one person: what their kinds have in common, so that each kind says only what is its own.

In: a kind's values for its templates. Out: a `Mail` from the three templates of the kind's folder, its header block,
and slots only where the kind has links of its own. Editions are made elsewhere (`kinds.digest`): they must fit.
"""

from collections.abc import Collection, Mapping

from digest import links, splice
from digest.addresses import Address
from digest.compose import lines, mime
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind

_SUBJECT_LETTERS = 100


def compose(
    renderer: Renderer,
    stream: mime.Stream,
    language: str,
    context: Mapping[str, object],
    *,
    slots: Collection[str] = (),
) -> Mail:
    """Compose a mail of `stream` from the folder of its kind; `slots`: what its templates may leave to be filled in.

    Raises `TemplateError` for a mistake in a template.
    """
    title = subject(renderer, stream.kind, language, context)
    text = lines.text_lines(renderer.text(f"{stream.kind}/body.txt", language, context))
    return Mail(
        subject=title,
        headers=mime.header_block(stream, title),
        text=splice.checked(text, allowed=slots),
        html=html(renderer, stream.kind, language, context, slots=slots),
    )


def html(
    renderer: Renderer, kind: str, language: str, context: Mapping[str, object], *, slots: Collection[str] = ()
) -> bytes:
    """Return the HTML part alone of a mail of this kind. Raises `TemplateError`."""
    rendered = renderer.mail_html(f"{kind}/body.mjml", language, context)
    return splice.checked(lines.html_lines(rendered), allowed=slots)


def subject(renderer: Renderer, kind: str, language: str, context: Mapping[str, object]) -> str:
    """Return the subject of a mail of this kind, on one line. Raises `TemplateError`."""
    return cut(" ".join(renderer.text(f"{kind}/subject.txt", language, context).split()), _SUBJECT_LETTERS)


def own_stream(settings: Settings, kind: MessageKind) -> mime.Stream:
    """Return the stream of mails in the newspaper's own name."""
    return mime.Stream(kind=kind, from_name=settings.from_name, sender=settings.sender, reply_to=settings.reply_to)


def share_stream(
    settings: Settings, kind: MessageKind, language: str, *, reply_to: Address | None, report_id: str = ""
) -> mime.Stream:
    """Return the stream of what readers have sent: a sender of its own, and a way to refuse all further mails.

    `report_id`: what a complaint about a share names it by; empty for the question to its sender.
    """
    paper = clean(settings.newspaper_name)
    return mime.Stream(
        kind=kind,
        from_name=words(language).gettext("%(paper)s article sharing", paper=paper),
        sender=settings.share_sender or settings.sender,
        reply_to=reply_to,
        is_share=True,
        own=settings.own_addresses if settings.own_addresses.command else None,
        report_id=report_id,
    )


def imprint(settings: Settings, language: str) -> dict[str, object]:
    """Return what stands at the head and the foot of each of these mails."""
    return {
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "privacy_url": links.privacy_url(settings.base_url),
        "identity": identity(settings, words(language)),
    }
