"""How many may be open per user and in all."""

from contextlib import ExitStack

import pytest

from dynavera.web.quotas import Quota, TooManyOpen, TooManyRequests, TooManyStreams

LONGEST_REASON = 123
"""Bytes of the reason of a closed WebSocket (RFC 6455, 5.5)."""


def test_each_user_may_have_so_many() -> None:
    quota = Quota(TooManyRequests, per_user=2)

    with ExitStack() as mine:
        mine.enter_context(quota.place("me"))
        mine.enter_context(quota.place("me"))
        with pytest.raises(TooManyRequests, match=r"You have 2 requests open"), quota.place("me"):
            pass
        with quota.place("you"):
            pass
    with quota.place("me"):
        pass


def test_all_users_together_may_have_so_many() -> None:
    quota = Quota(TooManyStreams, per_user=2, in_all=3)

    with ExitStack() as all_users:
        for user in ("me", "me", "you"):
            all_users.enter_context(quota.place(user))
        with pytest.raises(TooManyStreams, match=r"There are 3 sockets and streams open"), quota.place("they"):
            pass
    with quota.place("they"):
        pass


def test_a_place_is_free_again_when_what_had_it_fails() -> None:
    quota = Quota(TooManyStreams, per_user=1, in_all=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError), quota.place("me"):
            raise ZeroDivisionError


@pytest.mark.parametrize("refusal", [TooManyRequests, TooManyStreams])
@pytest.mark.parametrize("of_one_user", [True, False])
def test_a_refusal_fits_into_the_reason_of_a_closed_socket(refusal: type[TooManyOpen], of_one_user: bool) -> None:
    assert len(str(refusal(1_000_000, of_one_user=of_one_user)).encode()) <= LONGEST_REASON
