from django.apps import AppConfig


class StatusPagesConfig(AppConfig):
    name = "apps.statuspages"
