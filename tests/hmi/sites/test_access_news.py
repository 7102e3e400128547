"""What processes tell one another: read once, in any order of commits, bounded, and without anything secret."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from oauth2_provider.models import AccessToken

from accounts.session_moves import session_digest
from hmi.sites import access_changes, access_news
from hmi.sites.access import get_site_for
from hmi.sites.access_news import AccessNews, Reader, tell
from hmi.sites.ended_tokens import ended_since
from hmi.sites.models import Grant, Site
from hmi.sites.tokens import access_token_for
from tests.hmi.live.people import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
Kind = AccessNews.Kind


class Heard:
    def __init__(self) -> None:
        self.ended: list[tuple[UUID, str]] = []
        self.moments: list[float] = []
        self.moved: list[str] = []
        self.lost: list[float] = []
        self.reader = Reader(ended=self._ended, moved=self.moved.append, lost=self.lost.append)

    def _ended(self, grant_id: UUID, session: str, moment: float) -> None:
        self.ended.append((grant_id, session))
        self.moments.append(moment)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def from_elsewhere(kind: Kind = Kind.TOKEN, *, ago: float = 0.0, **facts: Any) -> AccessNews:
    facts.setdefault("grant_id", uuid4())
    return AccessNews.objects.create(at=int((time.time() - ago) * 1000), origin="another-process", kind=kind, **facts)


def test_news_of_others_are_taken_once_and_own_are_left(heard: Heard) -> None:
    row = from_elsewhere(session="s" * 64)
    from_elsewhere(Kind.MOVED, session="m" * 64)
    from_elsewhere(Kind.CHANGE)
    tell(Kind.TOKEN, grant_id=uuid4())
    assert heard.reader.read()
    assert (heard.ended, heard.moved) == ([(row.grant_id, "s" * 64)], ["m" * 64])
    assert not heard.reader.read()
    assert len(heard.ended) == 1


def test_row_that_appears_after_a_higher_number_is_found(heard: Heard) -> None:
    """Elsewhere than on SQLite a slow transaction shows its row after a quicker one with a higher number."""
    slow = from_elsewhere()
    quick = from_elsewhere()
    slow.delete()
    assert heard.reader.read()
    AccessNews.objects.bulk_create([slow])
    assert heard.reader.read()
    assert [grant for grant, _ in heard.ended] == [quick.grant_id, slow.grant_id]


def test_numbers_are_forgotten_once_nothing_can_come_before_them(heard: Heard, monkeypatch: Any) -> None:
    monkeypatch.setattr(access_news, "OVERLAP", 0.0)
    row = from_elsewhere()
    heard.reader.read()
    assert (heard.reader._floor, len(heard.reader._seen)) == (row.pk, 0)


def test_who_begins_to_read_goes_by_the_clock(heard: Heard) -> None:
    """A page opened after an old end is not closed for it; one opened just before a recent end is."""
    from_elsewhere(ago=300)
    from_elsewhere(ago=30)
    from_elsewhere(ago=1)
    heard.reader.read()
    now = time.monotonic()
    assert len(heard.moments) == 2, "what is older than any page open here is not even read"
    assert heard.moments[0] < now - 20
    assert heard.moments[1] > now - 1
    from_elsewhere(ago=30)  # another machine's clock is behind: whoever reads all the time knows better
    heard.reader.read()
    assert heard.moments[2] >= now


def test_more_than_is_read_at_once_may_have_ended_anything(heard: Heard, monkeypatch: Any) -> None:
    monkeypatch.setattr(access_news, "PAGE", 3)
    monkeypatch.setattr(access_news, "MOST_AT_ONCE", 5)
    for _ in range(9):
        from_elsewhere()
    begun = time.monotonic()
    assert heard.reader.read()
    assert len(heard.lost) == 1 and heard.lost[0] > begun
    assert not heard.reader.read()


def test_old_rows_go(monkeypatch: Any) -> None:
    monkeypatch.setattr(access_news, "PRUNE_EVERY", 1)
    old, new = from_elsewhere(ago=access_news.KEEP + 1), from_elsewhere()
    tell(Kind.CHANGE)
    assert set(AccessNews.objects.values_list("pk", flat=True)) >= {new.pk}
    assert not AccessNews.objects.filter(pk=old.pk).exists()


@pytest.fixture
def rings() -> Iterator[list[str]]:
    found: list[str] = []
    forget = access_changes.on_change(lambda: found.append("ring"))
    yield found
    forget()


def test_news_ring_the_bell_of_this_process_and_end_what_was_opened(
    rings: list[str], alice: Any, alices_grant: Grant, north: Site
) -> None:
    session = sign_in(alice)
    access = get_site_for(alice, north.slug, session=session)
    access_changes.hear_others()
    rings.clear()
    from_elsewhere(grant_id=access.grant_id, session=session_digest(session.session_key))
    assert not access.token_ended
    assert access_changes.hear_others()
    assert rings == ["ring"]
    assert access.token_ended
    assert not get_site_for(alice, north.slug, session=session).token_ended, "opened again it is good again"


def test_token_ended_by_hand_is_told_with_the_deletion_or_not_at_all(
    alice: Any, alices_grant: Grant, north: Site
) -> None:
    session = sign_in(alice)
    row = access_token_for(get_site_for(alice, north.slug, session=session))
    AccessNews.objects.all().delete()
    with pytest.raises(RuntimeError), transaction.atomic():
        AccessToken.objects.get(pk=row.pk).delete()
        raise RuntimeError
    assert not AccessNews.objects.exists()
    AccessToken.objects.get(pk=row.pk).delete()
    (news,) = AccessNews.objects.all()
    assert (news.kind, news.grant_id) == (Kind.TOKEN, alices_grant.pk)
    assert news.session == session_digest(session.session_key)
    stored = " ".join(str(value) for value in AccessNews.objects.values_list())
    assert str(session.session_key) not in stored


def test_many_changes_of_one_transaction_are_told_once(rings: list[str], alices_grant: Grant, north: Site) -> None:
    AccessNews.objects.all().delete()
    rings.clear()
    with transaction.atomic():
        for _ in range(3):
            north.save()
            alices_grant.save()
    assert (rings, AccessNews.objects.count()) == (["ring"], 1)
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            north.save()
            raise RuntimeError
        north.save()  # a note of its own: the one inside went with the savepoint
    assert (rings, AccessNews.objects.count()) == (["ring", "ring"], 2)


def test_signing_in_rings_nothing(rings: list[str], alice: Any) -> None:
    rings.clear()
    alice.save(update_fields=["last_login"])
    assert rings == []


def test_more_ends_than_are_remembered_end_everything_opened_before(monkeypatch: Any) -> None:
    from hmi.sites import ended_tokens  # noqa: PLC0415 - its memory is put back

    monkeypatch.setattr(ended_tokens, "_ends", type(ended_tokens._ends)())
    monkeypatch.setattr(ended_tokens, "_everything_until", float("-inf"))
    monkeypatch.setattr(ended_tokens, "MAX_REMEMBERED", 2)
    first = uuid4()
    opened = time.monotonic()
    for grant_id in (first, uuid4(), uuid4()):
        ended_tokens.note_end(grant_id, "session")
    assert ended_since(first, "session", opened), "the one that was forgotten still counts"
    assert not ended_since(uuid4(), "session", time.monotonic())
