"""Who plays in the demo: projects, monitors, what went wrong with them in the past month, and what was said of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Trouble:
    """One stretch of failures: days ago, at an hour, for so many minutes."""

    days_ago: int
    hour: int
    minutes: int
    status: str = "down"
    reason: str = "timeout"
    words: str = "No answer in 15 s"


@dataclass(frozen=True, slots=True)
class Part:
    """One monitor: what people call it, what it watches, how it usually answers."""

    project: str
    name: str
    kind: str
    path: str = ""
    tags: tuple[str, ...] = ()
    usual_ms: float = 20.0
    status_code: int | None = 200
    troubles: tuple[Trouble, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Post:
    """What the status page said about trouble, so many minutes after it began; posts of one title tell one story."""

    trouble: Trouble
    after_min: int
    status: str
    title: str
    body: str


COLLEAGUES = {"ana@example.com": "Ana Silva", "ben@example.com": "Ben Okoye"}
PROJECTS = {"shop": "Online shop", "platform": "Platform", "office": "Berlin office"}
REFUSED = ("refused", "Connection refused")
SLOW_DATABASE = Trouble(3, 14, 16)
PAYMENTS = Trouble(0, -1, 50, "down", "assertion", "Expected status below 500, got 503")
PARTS = (
    Part(
        "shop",
        "Storefront",
        "http",
        "/shop",
        ("eu", "customer"),
        42,
        200,
        (
            Trouble(3, 14, 12),
            Trouble(17, 3, 45, "down", *REFUSED),
        ),
    ),
    Part(
        "shop",
        "Checkout",
        "http",
        "/checkout",
        ("eu", "customer"),
        75,
        200,
        (
            SLOW_DATABASE,
            Trouble(9, 10, 20, "warning", "degraded", "Answered in 2.4 s, slower than 2 s"),
        ),
    ),
    Part(
        "shop",
        "Payments gateway",
        "http",
        "/payments",
        ("customer",),
        20,
        200,
        (
            PAYMENTS,
            Trouble(12, 22, 18),
        ),
    ),
    Part(
        "shop",
        "Search",
        "http",
        "/search",
        ("eu",),
        160,
        200,
        (
            Trouble(1, 9, 35, "warning", "degraded", "Answered in 2.1 s, slower than 2 s"),
            Trouble(6, 11, 25, "warning", "degraded", "Answered in 2.3 s, slower than 2 s"),
        ),
    ),
    Part("platform", "API health", "http", "/api/health", ("internal",), 18, 200, (Trouble(21, 2, 6),)),
    Part("platform", "Documentation", "http", "/docs", (), 12),
    Part(
        "platform",
        "Legacy reports",
        "http",
        "/legacy",
        ("internal",),
        310,
        200,
        (
            Trouble(5, 6, 90, "down", *REFUSED),
            Trouble(14, 6, 75, "down", *REFUSED),
            Trouble(26, 6, 80, "down", *REFUSED),
        ),
    ),
    Part("platform", "Mail relay", "tcp", "", ("internal",), 0.4, None),
    Part("platform", "Nightly backup", "heartbeat", "", ("jobs",), 0, None),
    Part("office", "Gateway", "ping", "", ("berlin",), 0.3, None, (Trouble(8, 19, 22),)),
    Part("office", "Door controller", "tcp-closed", "", ("berlin",), 0.5, None, (Trouble(0, -1, 8, "down", *REFUSED),)),
)

SHOP_DOWN, CARDS_FAIL = "Shop and checkout do not answer", "Card payments fail"
POSTS = (
    Post(SLOW_DATABASE, 4, "investigating", SHOP_DOWN, "Pages of the shop time out. We are looking into it."),
    Post(
        SLOW_DATABASE,
        9,
        "identified",
        SHOP_DOWN,
        "A report that ran by mistake holds the database up.",
    ),
    Post(SLOW_DATABASE, 17, "monitoring", SHOP_DOWN, "The shop answers again. We keep an eye on it."),
    Post(SLOW_DATABASE, 55, "resolved", SHOP_DOWN, "It has been quiet for half an hour. **No order was lost.**"),
    Post(PAYMENTS, 12, "investigating", CARDS_FAIL, "Paying by card fails for some. Invoice and transfer work."),
    Post(PAYMENTS, 31, "identified", CARDS_FAIL, "The provider of the payments gateway confirms trouble on its side."),
)
