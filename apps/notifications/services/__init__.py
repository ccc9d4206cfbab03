"""Writes of notifications: the rules people set, the planning of deliveries, and their sending."""

from apps.notifications.services.channels import create_channel, delete_channel, switch_channel, update_channel
from apps.notifications.services.deliveries import deliver_due, give_back, retry
from apps.notifications.services.escalations import advance_due
from apps.notifications.services.outbox import fan_out
from apps.notifications.services.queued import queue_message
from apps.notifications.services.routing import (
    alert_settings,
    check_alert_settings,
    policy_of_draft,
    set_alert_settings,
)
from apps.notifications.services.rules import (
    email_rule,
    set_email_rule,
    set_sms_rule,
    set_webhook_rule,
    sms_rule,
    webhook_rule,
)
from apps.notifications.services.surfaces import (
    set_container_route,
    set_node_route,
    set_rule_route,
    surface_route,
)
from apps.notifications.services.switching import add_override, remove_override, set_channel_enabled
from apps.notifications.services.trials import queue_test, send_channel_test, send_test, send_texts

__all__ = [
    "add_override",
    "advance_due",
    "alert_settings",
    "check_alert_settings",
    "create_channel",
    "delete_channel",
    "deliver_due",
    "email_rule",
    "fan_out",
    "give_back",
    "policy_of_draft",
    "queue_message",
    "queue_test",
    "remove_override",
    "retry",
    "send_channel_test",
    "send_test",
    "send_texts",
    "set_alert_settings",
    "set_channel_enabled",
    "set_container_route",
    "set_email_rule",
    "set_node_route",
    "set_rule_route",
    "set_sms_rule",
    "set_webhook_rule",
    "sms_rule",
    "surface_route",
    "switch_channel",
    "update_channel",
    "webhook_rule",
]
