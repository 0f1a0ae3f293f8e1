"""What the JSON API offers for signing up: the texts of consent, a challenge, and the request itself.

In: what a newspaper's own page has asked its reader. Out: the same act as behind our own form (`subscribe.signup`): a
stored request and the mail that asks for its confirmation, and always the same answer, whether the address is new,
known, waiting or not to be written to. The site must say which texts of consent it has shown, by their hashes: only
the present ones count, so that the ledger holds what the person saw. They come as from a form on the site, and the
ledger names the key.

The network that is counted, and kept with the consent, is that of the reader (`api_models`).
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from digest import addresses, proof
from digest.clock import Clock
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.languages import LANGUAGES
from digest.models.consents import ConsentWay
from digest.models.keys import KeyScope
from digest.subscribe import consent, signup, typos
from digest.subscribe.signup import Asked, Wanted
from digest.web.api_door import too_many
from digest.web.api_models import VISITOR, Given, Language, Taken, mistakes_of_place, place_of
from digest.web.api_operation import Call, Operation
from digest.web.api_problems import Mistake, Problems, RefusedError
from digest.web.subscribe import known_sections
from digest.web.templating import Templates

_HASH = r"^[0-9a-f]{64}$"


class ConsentAnswer(Taken):
    """What a person answered to one text of consent. The box beside it must not be ticked beforehand."""

    agreed: bool
    text_hash: str = Field(description="The `hash` of the text that was shown, from GET /api/consents.")


class ConsentAnswers(Taken):
    """The two consents, asked for apart (개인정보 보호법 제22조)."""

    newsletter: ConsentAnswer = Field(description="Required: collection and use of the address for the newsletter.")
    advert: ConsentAnswer = Field(description="Optional: mails with advertising. Refusing it refuses nothing else.")


class NewSubscription(Taken):
    """A reader's request to subscribe."""

    address: str = Field(
        description="One mail address: an ASCII name, one @, a domain; at most 254 characters.",
        examples=["hong@example.com"],
        json_schema_extra={"maxLength": 254},
    )
    slots: list[str] = Field(min_length=1, max_length=50, description="Names of the slots, from GET /api/consents.")
    sections: list[str] = Field([], max_length=200, description="Names of sections; none: all.")
    language: Language = Field(description="The language of the page, of the texts shown on it, and of the mails.")
    consents: ConsentAnswers
    is_14_or_older: bool = Field(description="The person said so (개인정보 보호법 제22조의2).")
    is_address_checked: bool = Field(
        False, description="The person keeps the address that was answered with the word `mistyped`."
    )
    visitor_address: str | None = Field(None, description=VISITOR)
    proof: str = Field("", description="The solution of a challenge from GET /api/challenge (ALTCHA), in base64.")


class Received(Given):
    """The answer to every request that was understood, whoever has the address."""

    next: Literal["confirm"] = Field("confirm", description="The person must press the button behind a mail.")
    detail: str = Field(description="What to show to the person, in their language.")


class ConsentItem(Given):
    """One item of a text: purpose, items, period, right to refuse."""

    name: str
    words: str


class ConsentText(Given):
    """A text of consent, to be shown as it is: the title beside the box, the items under it."""

    kind: Literal["newsletter", "advert"]
    language: Language
    version: str
    hash: str = Field(pattern=_HASH, description="SHA-256 of the whole text.")
    is_required: bool
    title: str
    items: list[ConsentItem]


class SlotOffered(Given):
    """A slot that can be subscribed to."""

    name: str
    title: str


class Offer(Given):
    """What a page needs for a form of its own."""

    slots: list[SlotOffered]
    sections: list[str]
    consents: list[ConsentText]


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The acts."""

    database: Database
    settings: Settings
    clock: Clock
    templates: Templates
    renderer: Renderer

    def operations(self) -> tuple[Operation, ...]:
        """Return what can be asked for."""
        return (
            Operation(
                name="offer",
                method="GET",
                path="/api/consents",
                summary="The texts of consent, with their hashes, and what can be subscribed to",
                description="The present texts in all languages. They change rarely; ask before each form is shown.",
                act=self.offer,
                gives=Offer,
            ),
            Operation(
                name="challenge",
                method="GET",
                path="/api/challenge",
                summary="A challenge for the reader's browser (ALTCHA)",
                description="Optional: a request that brings its solution as `proof` counts against a higher limit.",
                act=self.challenge,
                gives=None,
            ),
            Operation(
                name="subscribe",
                method="POST",
                path="/api/subscriptions",
                summary="Ask for a subscription in a reader's name",
                description="Sends a mail that asks for confirmation; only the button behind it subscribes. The answer "
                "is the same whether the address is new, subscribed, waiting or not to be written to.",
                act=self.subscribe,
                takes=NewSubscription,
                gives=Received,
                status=202,
                scope=KeyScope.SUBSCRIPTIONS,
            ),
        )

    async def offer(self, _call: Call, _body: None) -> Offer:
        """Tell what a form must show."""
        texts = [consent.text(kind, language, self.settings) for language in LANGUAGES for kind in consent.KINDS]
        return Offer(
            slots=[SlotOffered(name=slot.name, title=slot.title) for slot in self.settings.editions],
            sections=list(known_sections(self.settings)),
            consents=[_shown(text) for text in texts],
        )

    async def challenge(self, _call: Call, _body: None) -> dict[str, Any]:  # Any: ALTCHA's own document
        """Make a challenge."""
        made: dict[str, Any] = json.loads(proof.challenge(self.settings, self.clock()))
        return made

    async def subscribe(self, call: Call, body: NewSubscription) -> Received:
        """Store the request and queue its mail, as the form does."""
        assert call.key is not None  # the operation has a scope
        address = addresses.parse_or_none(body.address)
        mistakes = [*self._mistakes(body), *mistakes_of_place(call.key, body.visitor_address)]
        if address is None:
            mistakes.insert(0, Mistake("/address", "address"))
        elif not body.is_address_checked and (offered := typos.offered(address)):
            mistakes.insert(0, Mistake("/address", "mistyped", str(offered)))
        if address is None or mistakes:
            raise RefusedError("invalid", mistakes=mistakes, language=body.language)
        wanted = Wanted(
            address=address,
            slots=tuple(sorted(set(body.slots))),
            sections=tuple(sorted(set(body.sections))),
            language=body.language,
            advert=body.consents.advert.agreed,
            how=ConsentWay.SITE_FORM,
            host=place_of(call, body.visitor_address),
            source=f"api:{call.key.key.name}",
            is_vouched_for=not call.key.is_for_browsers,
        )
        await self._ask(wanted, body)
        return Received(detail=Problems(self.templates).say("received", body.language))

    async def _ask(self, wanted: Wanted, body: NewSubscription) -> None:
        now = self.clock()
        asked = await signup.ask(self.database, self.settings, self.renderer, wanted, payload=body.proof, now=now)
        if asked is Asked.BAD_PROOF:
            raise RefusedError("invalid", mistakes=[Mistake("/proof", "proof")], language=body.language)
        if asked is Asked.TOO_MANY:
            free_at = await signup.free_at(self.database, self.settings, wanted, payload=body.proof, now=now)
            raise too_many(free_at, now)

    def _mistakes(self, body: NewSubscription) -> list[Mistake]:
        known = {slot.name for slot in self.settings.editions}, set(known_sections(self.settings))
        chosen = (("slots", body.slots), ("sections", body.sections))
        found = [
            Mistake(f"/{name}/{at}", "not_offered")
            for (name, names), there in zip(chosen, known, strict=True)
            for at, each in enumerate(names)
            if each not in there
        ]
        for kind, answer in ((consent.NEWSLETTER, body.consents.newsletter), (consent.ADVERT, body.consents.advert)):
            if answer.text_hash != consent.text(kind, body.language, self.settings).hash:
                found.append(Mistake(f"/consents/{kind}/text_hash", "other_text"))
        if not body.consents.newsletter.agreed:
            found.append(Mistake("/consents/newsletter/agreed", "agree"))
        if not body.is_14_or_older:
            found.append(Mistake("/is_14_or_older", "age"))
        return found


def _shown(text: consent.ConsentText) -> ConsentText:
    return ConsentText.model_validate(
        {
            "kind": text.kind.value,
            "language": text.language,
            "version": text.version,
            "hash": text.hash,
            "is_required": text.kind is consent.NEWSLETTER,
            "title": text.title,
            "items": [{"name": name, "words": says} for name, says in text.items],
        }
    )
