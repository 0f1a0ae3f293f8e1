"""Which relay a lane is opened to: the first, in the order of the settings, that is not paused.

Each relay has its own `RelayWatch`. When one is paused, its places open lanes to the next; what is on the wire at it
ends there, since nobody knows what it took. When the pause of a better one is over, one place tries it with its next
mail; only when the relay has answered do the others follow, each after the outcomes of what it has under way. So a
relay that comes and goes costs a lane or two, and never a reader a try.

A login is tried by one place first, while the others wait; all connect as soon as it has worked. A wrong password is
thus tried once per pause and worker, not once per lane, for which a provider may lock the account.

A relay may allow fewer connections than another: the places in front are its own. With one relay there is nothing to
decide, and the lanes never ask.
"""

from collections.abc import Sequence

from digest.clock import Clock, monotonic_seconds
from digest.database import Database
from digest.deliver.place import Place
from digest.deliver.relay_watch import RelayWatch
from digest.deliver.transport import Lane, Transport, WayOut

_KNOWN_SECONDS = 60.0  # so long after a login that worked others connect without waiting


class Relay:
    """One relay: the way to it, how it is, the place that tries it after a pause, and the first to connect."""

    def __init__(self, way_out: WayOut, watch: RelayWatch) -> None:
        self.name = way_out.name
        self.transport: Transport = way_out.transport
        self.connections = way_out.connections
        self.watch = watch
        self.tried_by: Place | None = None
        self.first: Place | None = None
        self._known_until = 0.0

    def lets_in(self, place: Place) -> bool:
        """Whether the place may connect now: one alone, until it is known that the login works."""
        return self.first in (None, place) or monotonic_seconds() < self._known_until

    async def open_lane(self, place: Place) -> Lane:
        """Connect and log in. Raises `RelayLoginError` or `RelayUnavailableError`; then one is alone the next time."""
        try:
            lane = await self.transport.open_lane()
            if not self.watch.is_paused:  # else its login was on the way when another's was refused
                self._known_until = monotonic_seconds() + _KNOWN_SECONDS
                self.watch.connected()
        except Exception:
            self._known_until = 0.0
            raise
        finally:
            if self.first is place:
                self.first = None
        return lane


class Relays:
    """All relays of one worker, best first."""

    def __init__(self, ways_out: Sequence[WayOut], database: Database, clock: Clock) -> None:
        is_only = len(ways_out) == 1
        self._relays = [Relay(way, RelayWatch(database, clock, name=way.name, is_only=is_only)) for way in ways_out]
        self._are_several = not is_only
        self.most_connections = max(way.connections for way in ways_out)

    @property
    def are_paused(self) -> bool:
        """Whether nothing should be sent now, by none of them."""
        if not self._are_several:
            return self._relays[0].watch.is_paused
        return all(relay.watch.is_paused for relay in self._relays)

    @property
    def in_use(self) -> str:
        """The name of the relay that most lanes lead to now: the first that is neither paused nor being tried."""
        ready = (relay.name for relay in self._relays if not (relay.watch.is_paused or relay.watch.is_on_trial))
        going = (relay.name for relay in self._relays if not relay.watch.is_paused)
        return next(ready, None) or next(going, self._relays[0].name)

    def resume(self) -> None:
        """End every pause early, for a pass that somebody asked for."""
        for relay in self._relays:
            relay.watch.resume()

    def relay_for(self, place: Place) -> Relay | None:
        """Return where this place should have its lane now, None for nowhere. Whoever goes there says `goes_to`."""
        for relay in self._relays:
            if relay.watch.is_paused:
                continue
            allowed = is_allowed(place, relay)
            is_tried = relay.watch.is_on_trial and self._are_several
            if is_tried and not (allowed and relay.tried_by in (None, place)):
                continue  # until the one that tries it has an answer
            return relay if allowed else None
        return None

    def goes_to(self, place: Place, relay: Relay) -> None:
        """Note that the place will open its next lane there: if the relay was paused, it is the one that tries it."""
        if relay.watch.is_on_trial:
            relay.tried_by = place

    def connects(self, place: Place, relay: Relay) -> None:
        """Note that the place connects there now. Others wait for it, unless the login is known to work."""
        self.goes_to(place, relay)
        if relay.first is None:
            relay.first = place

    def should_move(self, place: Place) -> bool:
        """Whether the place's lane leads to a relay it should not use any more: end it after what is under way."""
        return self._are_several and place.relay is not None and self.relay_for(place) is not place.relay

    def move(self, place: Place, *, is_needed: bool) -> None:
        """Note that the place takes nothing more for its lane; with `is_needed` mails wait to try another with."""
        better = self.relay_for(place)
        if is_needed and better is not None:
            self.goes_to(place, better)

    def is_trying(self, place: Place) -> bool:
        """Whether the place is to try a relay that was paused, be there much to send or little."""
        return self._are_several and any(relay.tried_by is place and relay.watch.is_on_trial for relay in self._relays)

    def closed(self, place: Place) -> None:
        """Note that the place's lane is closed, or could not be opened: if it tried its relay, another may."""
        if place.relay is not None and place.relay.tried_by is place:
            place.relay.tried_by = None


def is_allowed(place: Place, relay: Relay) -> bool:
    """Whether the relay allows so many connections that this place may be one of them.

    With one connection that is the second place, which takes every mail: the first is for `Lane.FIRST` alone.
    """
    if place.is_alone:
        return True
    if relay.connections == 1:
        return place.number == 1
    return place.number < relay.connections
