from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "apps.incidents"
