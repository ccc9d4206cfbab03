"""Python's search for cycles of objects, in a process that keeps the plans of tens of thousands of monitors."""

import gc

# Objects that stay, between two searches. With Python's 700, looking through all plans again and again took a tenth of
# a pump's time.
SEARCH_EVERY = 20_000


def search_rarely() -> None:
    """For a process that begins to pump. Not sooner: what it leaves behind while it starts would stay (15 MB)."""
    gc.set_threshold(SEARCH_EVERY)
