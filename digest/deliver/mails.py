"""The messages that are being sent, loaded once and made ready once per encoding.

An edition has one message per variant and a hundred thousand deliveries: what can be done per message is done here,
what differs per delivery is spliced in by `wire.Prepared`.
"""

from collections import OrderedDict

from digest.database import Database, messages
from digest.deliver import wire
from digest.deliver.wire import Prepared
from digest.models.deliveries import Mail, MessageKind

_KEPT = 200  # beyond so many variants an edition's mails are made of fragments


class Message:
    """A stored message and its ready forms. `keeps_copy`: its mails are kept as they went over the wire."""

    def __init__(self, message_id: int, kind: MessageKind, mail: Mail, *, keeps_copy: bool = False) -> None:
        self.id = message_id
        self.kind = kind
        self.keeps_copy = keeps_copy
        self._mail = mail
        self._prepared: dict[bool, Prepared] = {}

    def prepared(self, *, eight_bit: bool) -> Prepared:
        """Return it ready for the wire. Raises `UnsendableMailError` if no server may be given it."""
        found = self._prepared.get(eight_bit)
        if found is None:
            found = self._prepared[eight_bit] = wire.prepare(self._mail, eight_bit=eight_bit)
        return found


class Mails:
    """Loads messages and keeps those used last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[int, Message] = OrderedDict()

    async def get(self, message_id: int) -> Message:
        """Return a message. Raises `NotFoundError` or `DatabaseUnavailableError`."""
        found = self._kept.get(message_id)
        if found is None:
            async with self._database.read() as connection:
                kind, mail = await messages.load_mail(connection, message_id)
                keeps_copy = await messages.keeps_copy(connection, message_id)
            found = self._kept[message_id] = Message(message_id, kind, mail, keeps_copy=keeps_copy)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(message_id)
        return found
