"""What stops sharing: for everybody, or for one sender."""

from hypothesis import given
from hypothesis import strategies as st

from digest.models.shares import EndedMail
from digest.share.breaker import count, decide


def mail(recipient: str = "r", about: str = "s", *, bounced: bool = False, complained: bool = False) -> EndedMail:
    return EndedMail(recipient, about, is_share=True, is_bounced=bounced, is_complained=complained)


def complaints(*pairs: str) -> list[EndedMail]:
    """Complaints, each written as person and sender: "aX"."""
    return [mail(pair[0], pair[1], complained=True) for pair in pairs]


def test_six_of_a_hundred_addresses_that_do_not_exist_stop_it_and_five_do_not() -> None:
    """More than 5 %: somebody tries out a list of addresses."""
    fine = [mail()] * 95
    assert decide([*fine, *[mail(bounced=True)] * 5], []).everybody == ""
    assert "6 of the last 100" in decide([*fine[1:], *[mail(bounced=True)] * 6], []).everybody


def test_the_first_mistyped_address_of_a_new_paper_stops_nothing() -> None:
    """One of one is 100 %; what counts is five in a hundred."""
    assert decide([mail(bounced=True)], []).everybody == ""


def test_what_is_older_than_the_last_hundred_counts_no_more() -> None:
    """Otherwise a bad day would follow the paper for ever."""
    assert decide([*[mail()] * 95, *[mail(bounced=True)] * 50], []).everybody == ""


def test_three_people_about_three_senders_stop_it() -> None:
    """That is no quarrel between two; it is how the feature is used."""
    assert "3 people" in decide(complaints("aX", "bY", "cZ"), []).everybody


def test_nobody_switches_it_off_with_two_friends() -> None:
    """Two people about any number of senders, any number about two senders, and both together, are two."""
    for pairs in (("aX", "aY", "aZ", "bX"), ("aX", "bX", "cY", "dY"), ("aX", "aY", "aZ", "bX", "cX")):
        found = complaints(*pairs)
        assert count(found).complained == 2, pairs
        assert decide(found, []).everybody == "", pairs


def test_two_people_about_one_sender_stop_that_sender_alone() -> None:
    """One may have slipped on the button; two have not."""
    verdict = decide([], complaints("aX", "bX", "aY", "aY"))
    assert (verdict.everybody, verdict.senders) == ("", ("X",))


def test_a_complaint_about_the_question_to_a_sender_stops_no_sender() -> None:
    """Whoever was asked in their own name and complains is not who shared anything."""
    asked = [EndedMail(each, "X", is_share=False, is_bounced=False, is_complained=True) for each in "ab"]
    assert decide(asked, asked).senders == ()


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("VWXYZ")), max_size=12))
def test_complaints_count_once_for_each_person_and_sender(pairs: list[tuple[str, str]]) -> None:
    """The count never passes the number of people nor of senders, and their order is all one."""
    found = complaints(*("".join(pair) for pair in pairs))
    number = count(found).complained
    assert number <= min(len({person for person, _ in pairs}), len({sender for _, sender in pairs}))
    assert count(found[::-1]).complained == number
