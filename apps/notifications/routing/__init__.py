"""Who is told of an incident, and when: pure rules of contract Dashmon 9.1 (vectors: dashmon_alert_routing.json)."""

from apps.notifications.routing.forecast import Forecast, Notice, Skip, forecast
from apps.notifications.routing.policy import (
    DAYS,
    Override,
    Policy,
    QuietHours,
    Repeat,
    Rotation,
    Step,
    Target,
    Window,
)

__all__ = [
    "DAYS",
    "Forecast",
    "Notice",
    "Override",
    "Policy",
    "QuietHours",
    "Repeat",
    "Rotation",
    "Skip",
    "Step",
    "Target",
    "Window",
    "forecast",
]
