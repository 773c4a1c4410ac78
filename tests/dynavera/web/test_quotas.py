"""How many may be open per user and in all."""

from contextlib import ExitStack

import pytest

from dynavera.web.quotas import Quota, TooManyOpen, TooManyRequests, TooManyStreams

LONGEST_REASON = 123
"""Bytes of the reason of a closed WebSocket (RFC 6455, 5.5)."""


def test_each_user_has_a_limit() -> None:
    quota = Quota(TooManyRequests, per_user=2)

    with ExitStack() as mine:
        mine.enter_context(quota.slot("me"))
        mine.enter_context(quota.slot("me"))
        with pytest.raises(TooManyRequests, match=r"You have 2 requests open"), quota.slot("me"):
            pass
        with quota.slot("you"):
            pass
    with quota.slot("me"):
        pass


def test_all_users_together_have_a_limit() -> None:
    quota = Quota(TooManyStreams, per_user=2, in_all=3)

    with ExitStack() as all_users:
        for user in ("me", "me", "you"):
            all_users.enter_context(quota.slot(user))
        with pytest.raises(TooManyStreams, match=r"There are 3 sockets and streams open"), quota.slot("they"):
            pass
    with quota.slot("they"):
        pass


def test_a_slot_is_freed_after_an_error() -> None:
    quota = Quota(TooManyStreams, per_user=1, in_all=1)

    for _ in range(3):
        with pytest.raises(ZeroDivisionError), quota.slot("me"):
            raise ZeroDivisionError


@pytest.mark.parametrize("refusal", [TooManyRequests, TooManyStreams])
@pytest.mark.parametrize("of_one_user", [True, False])
def test_a_refusal_fits_into_a_close_reason(refusal: type[TooManyOpen], of_one_user: bool) -> None:
    assert len(str(refusal(1_000_000, of_one_user=of_one_user)).encode()) <= LONGEST_REASON
