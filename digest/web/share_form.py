"""The form of 기사 메일전송 as it comes back: what was typed, and what of it can be sent.

In: a posted form, and the reader whose edition it began from, if it did. Out: `Filled`, to be shown again as it is, and
from it the mistakes by field, or what is asked for. All checks are here and in `share.request`, none in the page.
"""

from dataclasses import dataclass

from starlette.datastructures import FormData

from digest import addresses
from digest.addresses import Address
from digest.share import words
from digest.share.request import Wanted
from digest.web.forms import SHOWN_LETTERS, on_one_line, text_of, texts_of

_TOKEN_LETTERS = 100


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form, as typed. `token`: of the edition it began from; its reader is the sender then."""

    sender: str = ""
    name: str = ""
    friends: tuple[str, ...] = ("",)
    note: str = ""
    ticket: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The sender's words as they are shown, and what is wrong with which of them."""

    name: str
    note: str
    mistakes: dict[str, str]


def read(posted: FormData, *, friends: int) -> Filled:
    """Return what was typed; of the friends no more than the operator allows."""
    given = [on_one_line(value) for value in texts_of(posted, "friend")][:friends]
    return Filled(
        sender=on_one_line(text_of(posted, "sender")),
        name=text_of(posted, "name")[:SHOWN_LETTERS],
        friends=tuple(given) or ("",),
        note=text_of(posted, "note")[: 4 * words.NOTE_LETTERS],
        ticket=text_of(posted, "ticket"),
        token=text_of(posted, "from")[:_TOKEN_LETTERS],
    )


def words_of(filled: Filled) -> Words:
    """Return the name and the note, and what is wrong with them."""
    name, name_problem = words.name(filled.name)
    note, note_problem = words.note(filled.note)
    problems = {"name": name_problem, "note": note_problem}
    return Words(name, note, {field: str(problem) for field, problem in problems.items() if problem})


def wanted(
    filled: Filled, article_id: int, *, reader: Address | None, language: str, host: str | None
) -> tuple[Wanted | None, dict[str, str]]:
    """Return what is asked for, or None and what is wrong with which field. `reader` is the sender, if given."""
    sender = reader or addresses.parse_or_none(filled.sender)
    friends = [addresses.parse_or_none(each) for each in filled.friends if each]
    once = tuple({each.key: each for each in friends if each}.values())
    said = words_of(filled)
    mistakes = dict(said.mistakes)
    if sender is None:
        mistakes["sender"] = "address"
    if not friends or None in friends:
        mistakes["friend"] = "address"
    if mistakes or sender is None:
        return None, mistakes
    return Wanted(article_id, sender, said.name, once, said.note, language, host), {}
