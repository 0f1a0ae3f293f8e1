"""A mail for an address that no reader has: a test's, a preview's, a seed's.

It is the readers' mail but for the link that leaves, which is made for a reader who does not exist. It opens the real
page and works like the real one, by button and by one click, yet nobody is unsubscribed by whoever or whatever follows
it. Pure.
"""

from dataclasses import replace

from digest import links, splice
from digest.config import Settings
from digest.models import Mail
from digest.tokens import TokenPurpose

_NOBODY = 0  # rows are counted from 1


def with_nobodys_link(mail: Mail, settings: Settings) -> Mail:
    """Write the leaving link of a reader who does not exist into every part of `mail`; other slots stay open."""
    url = links.unsubscribe_url(settings.base_url, settings.keyring.make(TokenPurpose.LEAVE, _NOBODY)).encode()
    slot = splice.marker(splice.UNSUBSCRIBE_URL).encode()
    return replace(
        mail,
        headers=mail.headers.replace(slot, url),
        text=mail.text.replace(slot, url),
        html=mail.html.replace(slot, url),
    )
