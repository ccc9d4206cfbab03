"""Identifiers of packets: of their size, each its own, and none shared with a child."""

import os
from concurrent.futures import ThreadPoolExecutor

from apps.checks.engine.chance import Chance


def test_nothing_is_handed_out_twice_whoever_draws() -> None:
    chance = Chance(8)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: chance.draw(), range(20 * Chance.MANY)))

    assert {len(each) for each in drawn} == {8}
    assert len(set(drawn)) == len(drawn)


def test_a_child_draws_its_own() -> None:
    chance = Chance(8)
    chance.draw()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(chance.draw() for _ in range(Chance.MANY - 1)))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as heard:
        told = heard.read()

    childs = {told[at : at + 8] for at in range(0, len(told), 8)}
    assert len(childs) == Chance.MANY - 1
    assert childs.isdisjoint(chance.draw() for _ in range(Chance.MANY - 1))
