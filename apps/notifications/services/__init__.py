"""Writes of notifications: the rules people set, the planning of deliveries, and their sending."""

from apps.notifications.services.deliveries import deliver_due, give_back, retry, send_test
from apps.notifications.services.escalations import advance_due
from apps.notifications.services.outbox import fan_out
from apps.notifications.services.queued import queue_message
from apps.notifications.services.rules import email_rule, set_email_rule, set_webhook_rule, webhook_rule

__all__ = [
    "advance_due",
    "deliver_due",
    "email_rule",
    "fan_out",
    "give_back",
    "queue_message",
    "retry",
    "send_test",
    "set_email_rule",
    "set_webhook_rule",
    "webhook_rule",
]
