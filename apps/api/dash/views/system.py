"""The front end's looks, for everybody; and what the admin sets about them (contract Dash 5 and 11)."""

from typing import Any

from django.db import transaction
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.auth import SURFACE
from apps.api.dash.errors import DashError
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.preferences import Preferences, checked, preferences_of
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done
from apps.workspaces.surfaces import change_surface_data

INVALID = {400: "`no_fields`, `invalid_fields`, `invalid_request`"}


class BrandAnswer(Struct):
    logo_url: str
    page_title: str
    topbar_text: str


class SettingsBody(Strict):
    history_guest_access_mode: Maybe[str] = None
    logo_url: Maybe[str] = None
    page_title: Maybe[str] = None
    topbar_text: Maybe[str] = None

    @property
    def sent(self) -> dict[str, Any]:
        named = {name: said(getattr(self, name)) for name in self.__struct_fields__}
        return {name: value for name, value in named.items() if value is not None}


class BrandView(DashView):
    access = "guest"

    @described("Logo and titles of the front end", answer=BrandAnswer)
    def get(self, _: Request) -> Response:
        known = preferences_of(self.workspace)
        return Response(BrandAnswer(known.logo_url, known.page_title, known.topbar_text))


class SettingsView(DashView):
    @described("What is set about the front end", answer=Preferences)
    def get(self, _: Request) -> Response:
        return Response(preferences_of(self.workspace))

    @described("Change some of it; a blank text goes back to how it comes", body=SettingsBody, status=204, also=INVALID)
    def patch(self, _: Request) -> Response:
        sent = self.body(SettingsBody).sent
        if not sent:
            raise DashError("no_fields", "Say what to change.")
        return self._change(sent)

    @described("As PATCH; `history_guest_access_mode` must be said", body=SettingsBody, status=204, also=INVALID)
    def put(self, _: Request) -> Response:
        sent = self.body(SettingsBody).sent
        if "history_guest_access_mode" not in sent:
            raise DashError("invalid_fields", "history_guest_access_mode must be said.")
        return self._change(sent)

    @transaction.atomic
    def _change(self, sent: dict[str, Any]) -> Response:
        changes = checked(sent)
        change_surface_data(workspace=self.workspace, surface=SURFACE, changes=changes)
        told = {name: value if len(value) <= 200 else "changed" for name, value in changes.items()}
        self.audit("dash.settings", SURFACE, told)
        return done()
