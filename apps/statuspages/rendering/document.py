"""The public JSON of a page: contract Dashmon 10, and nothing besides."""

from datetime import datetime
from typing import Any

from apps.common.clock import from_epoch_ms, iso_ms
from apps.metrics.uptime import StateTimes
from apps.statuspages.content import Content, Section
from apps.statuspages.indicator import percent2
from apps.statuspages.threads import Post
from apps.statuspages.words import say

LABELS = {
    "operational": "Operational",
    "degraded": "Degraded",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
    "maintenance": "Maintenance",
}
UPDATES = 50
LEAST_MS = 1000


def document(content: Content) -> dict[str, Any]:
    """What `GET /api/public/status-pages/:slug` answers."""
    page = content.page
    return {
        "page": {
            "slug": page.slug,
            "name": page.name,
            "locale": page.locale,
            "timezone": page.timezone,
            "updatedAt": iso_ms(content.changed_at),
        },
        "status": {"indicator": content.indicator, "label": LABELS[content.indicator]},
        "projects": [_section(section, page.days) for section in content.sections],
        "updates": [_update(post) for post in content.posts[:UPDATES]],
        "maintenance": [
            {
                "title": item.name if item.thread is not None else say("en", "maintenance_of", name=item.name),
                "startsAt": iso_ms(item.starts_at),
                "endsAt": _iso(item.ends_at),
                "active": item.active,
            }
            for item in content.planned
        ],
    }


def _update(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "status": post.status,
        "title": post.title,
        "body": post.body,
        "publishedAt": iso_ms(post.published_at),
    }


def _section(section: Section, days: int) -> dict[str, Any]:
    whole = section.whole
    uptime = {"24h": percent2(whole.last_day.fraction)}
    uptime |= {f"{count}d": percent2(whole.total(count).fraction) for count in (7, 30, 90)}
    return {
        "id": section.id,
        "name": section.name,
        "status": section.status,
        "uptime": uptime,
        "days": [_day(day, whole.times_of(day)) for day in whole.days[-days:]],
        "devices": [{"name": row.name, "status": row.status} for row in section.rows],
    }


def _day(day_ms: int, times: StateTimes) -> dict[str, Any]:
    return {
        "date": from_epoch_ms(day_ms).date().isoformat(),
        "uptime_pct": percent2(times.fraction),
        "downSeconds": times.down_ms // 1000,
        "maintenanceSeconds": times.maintenance_ms // 1000,
        "status": _status(times),
    }


def _status(times: StateTimes) -> str:
    if times.down_ms >= LEAST_MS:
        return "down"
    if times.warning_ms >= LEAST_MS:
        return "warning"
    if times.up_ms:
        return "up"
    return "maintenance" if times.maintenance_ms else "unknown"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso_ms(at)
