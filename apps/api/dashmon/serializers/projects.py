"""Projects as the contract spells them (section 5)."""

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from apps.api.dashmon.serializers.cards import ProjectCard
from apps.api.dashmon.serializers.devices import DeviceAnswer
from apps.api.dashmon.serializers.fields import Instant, Text
from apps.projects.models import Project

PROJECT_ID = RegexValidator(r"^[A-Za-z0-9._-]{1,64}\Z", "1 to 64 of letters, digits, dot, underscore and dash.")


class ProjectAnswer(serializers.Serializer[Project]):
    """What writes answer."""

    id = serializers.CharField(source="key")
    name = serializers.CharField()
    location = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)
    created_at = Instant()
    updated_at = Instant()


class ProjectCardAnswer(serializers.Serializer[ProjectCard]):
    """A row of the list: the project, its roll-up and its devices."""

    id = serializers.CharField(source="project.key")
    name = serializers.CharField(source="project.name")
    location = serializers.CharField(source="project.location", allow_null=True)
    notes = serializers.CharField(source="project.notes", allow_null=True)
    created_at = Instant(source="project.created_at")
    updated_at = Instant(source="project.updated_at")
    maintenance_start = Instant(source="window.starts_at", default=None, allow_null=True)
    maintenance_end = Instant(source="window.ends_at", default=None, allow_null=True)
    maintenanceActive = serializers.BooleanField(source="in_maintenance")
    totalDevices = serializers.IntegerField(source="total")
    upDevices = serializers.IntegerField(source="up")
    downDevices = serializers.IntegerField(source="down")
    warningDevices = serializers.IntegerField(source="warning")
    maintenanceDevices = serializers.IntegerField(source="silenced")
    status = serializers.CharField(help_text="up, warning, down, maintenance or partial_maintenance")
    devices = DeviceAnswer(many=True)


class ProjectBody(serializers.Serializer[Any]):
    """A new project; without an id one is made from the name."""

    id = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        validators=[PROJECT_ID],
    )
    name = Text(max_length=120)
    location = Text(required=False, allow_null=True, allow_blank=True, max_length=200)
    notes = Text(required=False, allow_null=True, allow_blank=True, max_length=4000)


class ProjectChangeBody(serializers.Serializer[Any]):
    """The whole description; what is absent becomes null."""

    name = Text(max_length=120)
    location = Text(required=False, allow_null=True, allow_blank=True, max_length=200)
    notes = Text(required=False, allow_null=True, allow_blank=True, max_length=4000)
