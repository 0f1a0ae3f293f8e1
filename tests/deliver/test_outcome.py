"""The table that decides whose matter a reply is."""

import pytest

from digest.deliver.outcome import Stage, in_words, judge, lost, read_reply
from digest.models.deliveries import DeliveryState

ACCEPTED, DEFERRED, REFUSED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REFUSED

NOBODY, RELAY, MAIL = "", "relay", "mail"

# stage, reply -> state, whose fault it is where it costs the delivery no try
TABLE = [
    (Stage.BODY, "250 2.0.0 Ok: queued as 4F1", ACCEPTED, NOBODY),
    # the recipient's matter
    (Stage.RCPT, "550 5.1.1 <a@b.example>: User unknown", REFUSED, NOBODY),
    (Stage.RCPT, "550 5.1.1 User unknown in relay recipient table", REFUSED, NOBODY),
    (Stage.RCPT, "550 No such user here", REFUSED, NOBODY),
    (Stage.RCPT, "553 5.1.3 Bad recipient address syntax", REFUSED, NOBODY),
    (Stage.RCPT, "550 5.4.1 Recipient address rejected: Access denied", REFUSED, NOBODY),
    (Stage.RCPT, "550 5.5.0 Requested action not taken: mailbox unavailable", REFUSED, NOBODY),
    (Stage.RCPT, "551 5.1.6 moved", REFUSED, NOBODY),
    (Stage.BODY, "550 5.1.1 no such mailbox", REFUSED, NOBODY),
    (Stage.DATA, "550 5.1.1 no valid recipients", REFUSED, NOBODY),
    (Stage.BODY, "550 rejected", REFUSED, NOBODY),
    (Stage.RCPT, "450 4.2.0 Greylisted", DEFERRED, NOBODY),
    (Stage.RCPT, "451 4.7.1 Greylisting in action, come back later", DEFERRED, NOBODY),
    (Stage.RCPT, "552 5.2.2 Mailbox full", DEFERRED, NOBODY),
    (Stage.RCPT, "550 5.2.2 over quota", DEFERRED, NOBODY),
    (Stage.BODY, "552 Requested mail action aborted: exceeded storage allocation", DEFERRED, NOBODY),
    (Stage.BODY, "451 4.3.0 local error in processing", DEFERRED, NOBODY),
    (Stage.BODY, "451 4.7.1 looks a little like spam, try later", DEFERRED, NOBODY),
    # the relay's matter
    (Stage.MAIL, "451 4.3.0 try later", DEFERRED, RELAY),
    (Stage.MAIL, "451 4.7.1 try later", DEFERRED, RELAY),
    (Stage.MAIL, "450 4.1.8 Sender address rejected: domain not found", DEFERRED, RELAY),
    (Stage.MAIL, "530 5.7.0 Authentication required", DEFERRED, RELAY),
    (Stage.MAIL, "550 5.7.1 Client host rejected: cannot find your hostname", DEFERRED, RELAY),
    (Stage.MAIL, "503 5.5.1 nested MAIL command", DEFERRED, RELAY),
    (Stage.RCPT, "554 5.7.1 Relay access denied", DEFERRED, RELAY),
    (Stage.RCPT, "550 5.7.1 Client host rejected: Access denied", DEFERRED, RELAY),
    (Stage.RCPT, "550 Relaying denied", DEFERRED, RELAY),
    (Stage.RCPT, "535 5.7.8 bad credentials", DEFERRED, RELAY),
    (Stage.RCPT, "503 bad sequence of commands", DEFERRED, RELAY),
    (Stage.RCPT, "452 4.3.1 Insufficient system storage", DEFERRED, RELAY),
    (Stage.RCPT, "421 4.7.0 Too many messages, closing", DEFERRED, RELAY),
    (Stage.BODY, "421 4.3.2 shutting down", DEFERRED, RELAY),
    (Stage.DATA, "250 2.0.0 what?", DEFERRED, RELAY),
    # the mail's matter, or our sender's
    (Stage.MAIL, "550 5.1.0 sender rejected", DEFERRED, MAIL),
    (Stage.MAIL, "553 not with this sender", DEFERRED, MAIL),
    (Stage.MAIL, "552 5.3.4 Message size exceeds limit", DEFERRED, MAIL),
    (Stage.RCPT, "553 5.1.8 Sender address rejected: domain not found", DEFERRED, MAIL),
    (Stage.RCPT, "550 5.7.1 this newspaper is not wanted here", DEFERRED, MAIL),
    (Stage.BODY, "552 5.3.4 Message size exceeds limit", DEFERRED, MAIL),
    (Stage.BODY, "550 5.7.1 Message rejected as spam", DEFERRED, MAIL),
    (Stage.BODY, "550 5.7.515 Access denied, sending domain does not meet the level", DEFERRED, MAIL),
    (Stage.BODY, "554 5.6.0 malformed", DEFERRED, MAIL),
    (Stage.BODY, "554 Transaction failed", DEFERRED, MAIL),
    (Stage.BODY, "550 this looks like spam", DEFERRED, MAIL),
]


@pytest.mark.parametrize(("stage", "said", "state", "fault"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_each_reply_is_laid_to_the_one_it_is_about(stage: Stage, said: str, state: DeliveryState, fault: str) -> None:
    """Trouble that is charged to readers loses them; a dead mailbox that is not is tried for ever."""
    outcome = judge(stage, read_reply(int(said[:3]), said[4:]))

    assert (outcome.state, outcome.charged) == (state, fault == NOBODY)
    assert (bool(outcome.relay_problem), bool(outcome.mail_problem)) == (fault == RELAY, fault == MAIL)


@pytest.mark.parametrize(
    ("stage", "said", "is_about_it"),
    [
        (Stage.MAIL, "501 <>: sender address must contain a domain", True),
        (Stage.MAIL, "553 5.1.8 bad sender", True),
        (Stage.MAIL, "530 5.7.0 authentication required", False),
        (Stage.MAIL, "554 5.7.1 relay access denied", False),
        (Stage.MAIL, "451 4.3.0 try again later", False),
        (Stage.RCPT, "550 5.1.1 unknown", False),
    ],
)
def test_a_refused_null_sender_is_no_trouble_of_the_relays(stage: Stage, said: str, is_about_it: bool) -> None:
    """A setting mends it; what says something else stays what it is."""
    reply = read_reply(int(said[:3]), said[4:])

    without, usual = judge(stage, reply, has_sender=False), judge(stage, reply)

    assert bool(without.sender_problem) == is_about_it
    assert is_about_it or without == usual


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
def test_a_connection_lost_before_the_body_costs_no_try(stage: Stage) -> None:
    """Nothing was handed over, so nothing can have been taken."""
    outcome = lost(stage, "timed out")
    assert (outcome.state, outcome.charged) == (DeliveryState.DEFERRED, False)


def test_a_connection_lost_after_the_body_is_uncertain() -> None:
    """The relay may have the mail: sending it again could make two of it."""
    assert lost(Stage.BODY, "timed out").state is DeliveryState.UNCERTAIN


def test_an_answer_out_of_step_after_the_body_is_uncertain() -> None:
    """354 after the dot says nothing about whether the mail was taken."""
    assert judge(Stage.BODY, read_reply(354, "go ahead")).state is DeliveryState.UNCERTAIN


def test_a_reply_is_kept_on_one_line_with_its_status_and_no_control_characters() -> None:
    """Replies go into the ledger, logs and pages: what a server sends must not move their lines."""
    reply = read_reply(550, "5.1.1 no\n5.1.1 such\x1b[2J user\r\n" + "x" * 900)
    assert reply.status == "5.1.1"
    assert reply.text.isprintable()
    assert len(reply.text) == 500


def test_a_relays_words_are_quoted_without_addresses() -> None:
    """Alerts are mailed and shown: no reader's address may stand in them."""
    words = in_words(read_reply(550, "5.7.1 <reader@b.example>: reader@b.example is not wanted"))
    assert words == "550 5.7.1 <address>: <address> is not wanted"
