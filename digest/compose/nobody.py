"""A mail for an address that no reader has: a test's, a preview's, a seed's.

It is the readers' mail but for the links that leave and choose, which are made for a reader who does not exist. They
open the real pages and work like the real ones, by button and by one click, yet nobody is unsubscribed, and nothing
changed, by whoever or whatever follows them. Pure.
"""

from dataclasses import replace

from digest import links, splice
from digest.config import Settings
from digest.models.deliveries import Mail
from digest.subaddress import Detail
from digest.tokens import TokenPurpose

_NOBODY = 0  # rows are counted from 1


def with_nobodys_link(mail: Mail, settings: Settings) -> Mail:
    """Write the links of a reader who does not exist into every part of `mail`; other slots stay open."""
    make, base, own = settings.keyring.make, settings.base_url, settings.own_addresses
    for name, url in (
        (splice.LEAVE_MAILTO, own.further(Detail.LEAVE, make(TokenPurpose.LEAVE, _NOBODY))),
        (splice.NEVER_MAILTO, own.further(Detail.NEVER, make(TokenPurpose.NEVER, _NOBODY))),
        (splice.UNSUBSCRIBE_URL, links.unsubscribe_url(base, make(TokenPurpose.LEAVE, _NOBODY))),
        (splice.PREFERENCES_URL, links.preferences_url(base, make(TokenPurpose.CHOOSE, _NOBODY))),
        (splice.NEVER_URL, links.never_url(base, make(TokenPurpose.NEVER, _NOBODY))),
        (splice.SHARER, make(TokenPurpose.SHARER, _NOBODY)),
    ):
        slot, given = splice.marker(name).encode(), url.encode()
        mail = replace(
            mail,
            headers=mail.headers.replace(slot, given),
            text=mail.text.replace(slot, given),
            html=mail.html.replace(slot, given),
        )
    return mail
