"""Every write about status pages."""

from apps.statuspages.services.components import Choice, set_components, set_projects
from apps.statuspages.services.domains import drop_domain, set_domain, verify_domain
from apps.statuspages.services.pages import (
    create_page,
    delete_page,
    drop_logo,
    rotate_token,
    set_logo,
    update_page,
)
from apps.statuspages.services.subscribers import confirm, prune_questions, remove_subscriber, subscribe, unsubscribe
from apps.statuspages.services.telling import tell_subscribers
from apps.statuspages.services.updates import delete_update, publish

__all__ = [
    "Choice",
    "confirm",
    "create_page",
    "delete_page",
    "delete_update",
    "drop_domain",
    "drop_logo",
    "prune_questions",
    "publish",
    "remove_subscriber",
    "rotate_token",
    "set_components",
    "set_domain",
    "set_logo",
    "set_projects",
    "subscribe",
    "tell_subscribers",
    "unsubscribe",
    "update_page",
    "verify_domain",
]
