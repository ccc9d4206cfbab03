"""Kept answers: fresh for seconds, one renderer at a time, never older than promised."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from apps.statuspages.delivery import accepts_gzip, deliver, too_many
from apps.statuspages.shelf import CLAIM_S, FRESH_S, MOST_ENTRIES, STALE_S, Kept, Key, Shelf

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KEY = Key(1, "html", "en", "auto")
ADDRESS = ("host", "/status/acme", "", "en")


def kept(text: str = "one", *, at: datetime = AT) -> Kept:
    return Kept.of("acme", text.encode() * 300, (("Content-Type", "text/html"),), modified=at)


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(clock: Clock) -> Shelf:
    return Shelf(clock)


def refuse() -> Kept:
    raise AssertionError("this one is kept")


def test_a_fresh_answer_is_not_made_again(shelf: Shelf, clock: Clock) -> None:
    first = shelf.serve(KEY, kept)
    clock.at += FRESH_S - 0.1

    assert shelf.serve(KEY, refuse).body == first.body


def test_an_old_answer_is_made_anew(shelf: Shelf, clock: Clock) -> None:
    shelf.serve(KEY, kept)
    clock.at += FRESH_S

    assert shelf.serve(KEY, lambda: kept("two")).body.startswith(b"two")


def test_an_unchanged_answer_keeps_its_date_and_a_changed_one_gets_another_tag(shelf: Shelf, clock: Clock) -> None:
    first = shelf.serve(KEY, kept)
    clock.at += FRESH_S
    same = shelf.serve(KEY, lambda: kept(at=AT + timedelta(minutes=1)))
    clock.at += FRESH_S
    other = shelf.serve(KEY, lambda: kept("two", at=AT + timedelta(minutes=2)))

    assert (same.modified, same.tag) == (AT, first.tag)
    assert other.modified > AT
    assert other.tag != first.tag


def test_while_one_renders_the_others_get_the_previous_answer(shelf: Shelf, clock: Clock) -> None:
    shelf.serve(KEY, kept)
    clock.at += FRESH_S
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Kept:
        begun.set()
        assert go_on.wait(5)
        return kept("two")

    renderer = threading.Thread(target=shelf.serve, args=(KEY, slowly))
    renderer.start()
    assert begun.wait(5)
    try:
        assert shelf.serve(KEY, refuse).body.startswith(b"one")
    finally:
        go_on.set()
        renderer.join()
    assert shelf.serve(KEY, refuse).body.startswith(b"two")


def test_an_answer_that_is_too_old_is_waited_for_and_made_once(shelf: Shelf, clock: Clock) -> None:
    shelf.serve(KEY, kept)
    clock.at += STALE_S
    begun, go_on, made = threading.Event(), threading.Event(), []

    def slowly() -> Kept:
        made.append(1)
        begun.set()
        assert go_on.wait(5)
        return kept("two")

    got: list[Kept] = []
    threads = [threading.Thread(target=lambda: got.append(shelf.serve(KEY, slowly))) for _ in range(6)]
    for thread in threads:
        thread.start()
    assert begun.wait(5)
    go_on.set()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert {one.body[:3] for one in got} == {b"two"}


def test_a_renderer_that_fails_leaves_the_way_free(shelf: Shelf) -> None:
    with pytest.raises(ZeroDivisionError):
        shelf.serve(KEY, lambda: 1 / 0)

    assert shelf.serve(KEY, kept).body


def test_what_was_rendered_before_a_change_is_not_kept(shelf: Shelf) -> None:
    def outdated() -> Kept:
        shelf.drop_page(1)
        return kept("old")

    shelf.serve(KEY, outdated)

    assert shelf.serve(KEY, lambda: kept("new")).body.startswith(b"new")


def test_a_changed_page_is_forgotten_and_others_are_not(shelf: Shelf) -> None:
    other = Key(2, "html")
    shelf.serve(KEY, kept)
    shelf.serve(other, kept)
    shelf.remember(ADDRESS, KEY)

    shelf.drop_page(1)

    assert shelf.peek(ADDRESS) is None
    assert shelf.serve(other, refuse)


def test_the_door_sends_one_caller_to_the_renderer_and_answers_the_rest(shelf: Shelf, clock: Clock) -> None:
    assert shelf.peek(ADDRESS) is None
    shelf.serve(KEY, kept)
    shelf.remember(ADDRESS, KEY)
    assert shelf.peek(ADDRESS) is not None

    clock.at += FRESH_S
    assert shelf.peek(ADDRESS) is None
    assert shelf.peek(ADDRESS) is not None
    clock.at += CLAIM_S
    assert shelf.peek(ADDRESS) is None
    clock.at += STALE_S
    assert shelf.peek(ADDRESS) is None
    assert shelf.peek(ADDRESS) is None


def test_names_that_lead_to_nothing_leave_nothing_behind(shelf: Shelf) -> None:
    def missing() -> Kept:
        raise LookupError

    for number in range(50):
        with pytest.raises(LookupError):
            shelf.serve(Key(1, f"thread:{number}"), missing)

    assert shelf._making == shelf._entries == {}


def test_the_shelf_is_bounded(shelf: Shelf) -> None:
    for number in range(MOST_ENTRIES + 20):
        shelf.serve(Key(number, "html"), kept)

    assert len(shelf._entries) == MOST_ENTRIES
    assert len(shelf._making) <= MOST_ENTRIES + 1


# --- On the wire ------------------------------------------------------------------------------------
def header(wire, name: str) -> str | None:
    return dict(wire.headers).get(name)


def test_each_encoding_has_a_tag_and_either_proves_that_nothing_changed() -> None:
    one = kept()
    plain = deliver(one, method="GET", asked={})
    packed = deliver(one, method="GET", asked={"accept-encoding": "br, gzip;q=0.5"})

    assert header(plain, "Content-Encoding") is None
    assert header(packed, "Content-Encoding") == "gzip"
    assert header(plain, "ETag") != header(packed, "ETag")
    for tag in (header(plain, "ETag"), header(packed, "ETag"), f"W/{header(plain, 'ETag')}", '"x", *'):
        unchanged = deliver(one, method="GET", asked={"if-none-match": str(tag)})
        assert (unchanged.status, unchanged.body, header(unchanged, "Content-Length")) == (304, b"", None)
        assert header(unchanged, "ETag")


def test_a_date_proves_it_too_unless_a_tag_says_otherwise() -> None:
    one = kept(at=AT + timedelta(milliseconds=400))
    asked = {"if-modified-since": "Mon, 02 Mar 2026 10:00:00 GMT"}

    assert deliver(one, method="GET", asked=asked).status == 304
    assert deliver(one, method="GET", asked={**asked, "if-none-match": '"other"'}).status == 200
    assert deliver(one, method="GET", asked={"if-modified-since": "Mon, 02 Mar 2026 09:59:59 GMT"}).status == 200
    assert deliver(one, method="GET", asked={"if-modified-since": "yesterday"}).status == 200


def test_a_head_has_the_headers_of_the_whole() -> None:
    one = kept()

    head = deliver(one, method="HEAD", asked={})

    assert (head.status, head.body, header(head, "Content-Length")) == (200, b"", str(len(one.body)))


@pytest.mark.parametrize(
    ("value", "takes"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate", False),
        ("gzip;q=0", False),
        ("*", True),
        ("", False),
        ("a,gzip", True),
    ],
)
def test_gzip_is_sent_to_those_who_take_it(value: str, takes: bool) -> None:
    assert accepts_gzip(value) is bool(takes)


def test_small_answers_are_not_packed() -> None:
    small = Kept.of("acme", b"tiny", (), modified=AT)

    assert header(deliver(small, method="GET", asked={"accept-encoding": "gzip"}), "Content-Encoding") is None


def test_the_refusal_says_when_to_come_back() -> None:
    wire = too_many(17)

    assert (wire.status, header(wire, "Retry-After"), header(wire, "Cache-Control")) == (429, "17", "no-store")
