"""The message kinds that can be composed; one more is a module here, a folder of templates, and a line."""

from digest.compose.kind import Kind
from digest.compose.kinds import advert_check, alert, confirm, digest, link, notice, people, probe, reply, sender, share
from digest.models.deliveries import MessageKind

KINDS: dict[MessageKind, Kind] = {
    MessageKind.DIGEST: digest,
    MessageKind.ALERT: alert,
    MessageKind.CONFIRM: confirm,
    MessageKind.NOTICE: notice,
    MessageKind.LINK: link,
    MessageKind.ADVERT_CHECK: advert_check,
    MessageKind.SENDER: sender,
    MessageKind.SHARE: share,
    MessageKind.REPLY: reply,
    MessageKind.PEOPLE: people,
    MessageKind.PROBE: probe,
}
