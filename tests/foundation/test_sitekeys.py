"""The keys of the JSON API: their form, and that nothing but the whole key is one."""

import pytest

from digest import sitekeys


def test_a_key_is_found_by_its_id_and_known_by_its_hash() -> None:
    """What is stored suffices to know a key again."""
    made = sitekeys.make()

    assert sitekeys.id_of(made.shown) == made.key_id
    assert sitekeys.is_key(made.shown, made.key_hash)
    assert made.shown != sitekeys.make().shown


def test_a_key_changed_anywhere_is_none() -> None:
    """Also one with another key's id."""
    made, other = sitekeys.make(), sitekeys.make()
    changed = [
        f"{made.shown[:at]}{'2' if one != '2' else '3'}{made.shown[at + 1 :]}" for at, one in enumerate(made.shown)
    ]

    assert not any(sitekeys.is_key(each, made.key_hash) for each in changed)
    assert not sitekeys.is_key(other.shown, made.key_hash)
    assert not sitekeys.is_key(made.shown, None)


@pytest.mark.parametrize("text", ["", "digest_", "x" * 10_000, "digest_aaaaaaaaaa_", "digest_\0", "digest_ａ"])
def test_what_has_not_the_form_of_a_key_is_not_looked_for(text: str) -> None:
    """No stranger's text reaches the database."""
    assert sitekeys.id_of(text) is None
    assert sitekeys.id_of(sitekeys.make().shown + "\n") is None
