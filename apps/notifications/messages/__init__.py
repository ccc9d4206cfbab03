"""What messages say: e-mails in words, webhook bodies as contract Dashmon 9.1 spells them. Reads nothing."""

from apps.notifications.messages.mail import mail, mail_for_test, message_id
from apps.notifications.messages.neutral import document, message, message_for_test
from apps.notifications.messages.news import News
from apps.notifications.messages.webhooks import webhook_event
from apps.notifications.messages.words import lasting, local_time

__all__ = [
    "News",
    "document",
    "lasting",
    "local_time",
    "mail",
    "mail_for_test",
    "message",
    "message_for_test",
    "message_id",
    "webhook_event",
]
