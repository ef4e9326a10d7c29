"""What a hostile string can do to a terminal: nothing; and an address is never changed on its way to it."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from custody.cli.escape import grouped, shown

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@given(st.text())
@example("\x1b[2J\x1b[1;31mOK")
@example("abc\u202edef")
@example("pay\u2066to\u2069")
@example("zero\u200bwidth\u200djoin\ufeff")
@example("line\nfeed\rback\x08\x7f\x9b31m")
@example("a\u0336b\u20dd")
def test_what_is_shown_has_no_character_that_acts(text: str) -> None:
    for char in shown(text):
        category = unicodedata.category(char)
        assert category[0] not in "CM" and category not in ("Zl", "Zp")
        assert char == " " or category != "Zs"


@given(st.text(), st.text())
@example("\\u{202e}", "\u202e")
@example("\\", "\\\\")
def test_different_texts_are_shown_differently(one: str, other: str) -> None:
    assert (shown(one) == shown(other)) == (one == other)


@given(st.text(alphabet="0123456789abcdefABCDEFxghijklmnopqrstuvwyzGHIJKLMNOPQRSTUVWXYZ:/-_.", max_size=120))
@example(ADDRESS)
def test_an_address_stays_as_it_is(address: str) -> None:
    assert shown(address) == address
    assert grouped(address).replace(" ", "") == address


def test_an_address_in_groups_of_four() -> None:
    assert grouped(ADDRESS) == "0x7099 7970 C518 12dc 3A01 0C7d 01b5 0e0d 17dc 79C8"


@given(st.text())
def test_groups_are_as_harmless(text: str) -> None:
    assert all(" " <= char <= "~" or unicodedata.category(char)[0] not in "CM" for char in grouped(text))
