"""Themes of the front end: uploaded, chosen, and what everybody is shown (contract Dash 12)."""

from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.http.multipartparser import MultiPartParserError
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.auth import SURFACE, find_workspace
from apps.api.dash.errors import DashError
from apps.api.dash.schema import described
from apps.api.dash.themes.built_in import BUILT_IN, DEFAULT, STYLES
from apps.api.dash.themes.manifests import KEY, read_manifest
from apps.api.dash.themes.packages import LARGEST, read_package
from apps.api.dash.themes.styles import ThemeError
from apps.api.dash.views.base import DashView, done
from apps.common.clock import iso_s
from apps.common.errors import InvalidInputError, NotFoundError
from apps.workspaces import themes
from apps.workspaces.models import SurfaceTheme

INVALID = "invalid_theme_package"


class AdminSkin(Struct):
    shell: str
    frame: str


class DashboardSkin(Struct):
    summary: str
    density: str


class Skin(Struct):
    admin: AdminSkin
    dashboard: DashboardSkin


class Manifest(Struct):
    id: str
    name: str
    version: str
    author: str
    description: str
    skin: Skin


class ThemeRow(Manifest):
    built_in: bool
    active: bool
    deletable: bool
    missing: bool
    broken: bool
    has_preview: bool
    created_at: str
    updated_at: str


class ThemesView(DashView):
    @described("Every theme, the built-in ones first", answer=list[ThemeRow])
    def get(self, _: Request) -> Response:
        active = themes.active_theme(self.workspace, SURFACE) or DEFAULT
        uploaded = themes.themes_of(self.workspace, SURFACE)
        rows = [_row(manifest, active) for manifest in BUILT_IN.values()]
        rows += [_row(row.manifest, active, kept=row) for row in uploaded]
        if any(row["active"] for row in rows):
            return Response(rows)
        gone = read_manifest({"id": active, "name": active, "version": "0"})
        missing = {**_row(gone, active), "built_in": False, "missing": True}
        return Response([*rows, missing], headers={"X-Dash-Warning": "theme_active_missing"})


class ThemeUploadView(DashView):
    @described(
        "Upload a theme: one zip in the form field `file`; the same id replaces the one before",
        answer=ThemeRow,
        status=201,
        file="file",
        also={400: "`invalid_theme_package`", 413: "`body_too_large`"},
    )
    @transaction.atomic
    def post(self, _: Request) -> Response:
        try:
            look = read_package(self._uploaded())
            row = themes.save_theme(workspace=self.workspace, surface=SURFACE, look=look, now=self.now)
        except InvalidInputError as error:
            raise DashError(INVALID, error.message) from error
        self.audit("dash.theme_upload", look.key)
        active = themes.active_theme(self.workspace, SURFACE) or DEFAULT
        return Response(_row(row.manifest, active, kept=row), status=201)

    def _uploaded(self) -> bytes:
        length = self.plain.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > LARGEST + 64 * 1024:
            raise DashError("body_too_large", "A theme has at most 20 MiB.", status=413)
        try:
            file = self.plain.FILES.get("file")
        except MultiPartParserError as error:
            raise ThemeError("The form cannot be read.") from error
        if not isinstance(file, UploadedFile):
            raise ThemeError("Send the zip in the form field named file.")
        return bytes(file.read(LARGEST + 1))


class ThemeApplyView(DashView):
    @described("Show this theme from now on", status=204, also={400: "`invalid_theme_id`", 404: "`not_found`"})
    @transaction.atomic
    def post(self, _: Request, theme: str) -> Response:
        key = theme_key(theme)
        themes.choose_theme(workspace=self.workspace, surface=SURFACE, key=key, uploaded=key not in BUILT_IN)
        self.audit("dash.theme", key)
        return done()


class ThemeView(DashView):
    @described(
        "Take an uploaded theme away",
        status=204,
        also={
            400: "`invalid_theme_id`",
            404: "`not_found`",
            409: "`builtin_theme_not_deletable`, `active_theme_not_deletable`",
        },
    )
    @transaction.atomic
    def delete(self, _: Request, theme: str) -> Response:
        key = theme_key(theme)
        if key in BUILT_IN:
            raise DashError("builtin_theme_not_deletable", "This theme is built in.", status=409)
        themes.delete_theme(workspace=self.workspace, surface=SURFACE, key=key)
        self.audit("dash.theme_delete", key)
        return done()


class ActiveStyleView(DashView):
    access = "none"

    @described("The style of the chosen theme; empty for the front end's own", answer=str, kind="text/css")
    def get(self, _: Request) -> HttpResponse:
        # The page links this before its own start: there is an answer whatever is the matter.
        workspace = find_workspace(self.plain)
        key = DEFAULT if workspace is None else themes.active_theme(workspace, SURFACE) or DEFAULT
        css = STYLES.get(key)
        if css is None and workspace is not None:
            row = themes.theme_by_key(workspace, SURFACE, key)
            css = row.css if row is not None else ""
        return HttpResponse(css or "", content_type="text/css; charset=utf-8")


class ActiveManifestView(DashView):
    access = "none"

    @described("Who the chosen theme is", answer=Manifest, also={404: "`not_found`: the front end's own look."})
    def get(self, _: Request) -> Response:
        key = themes.active_theme(self.workspace, SURFACE) or DEFAULT
        row = None if key in BUILT_IN else themes.theme_by_key(self.workspace, SURFACE, key)
        manifest = BUILT_IN.get(key) if row is None else row.manifest
        if manifest is None or key == DEFAULT:
            raise NotFoundError("The front end shows its own look.")
        return Response(manifest)


class PreviewView(DashView):
    access = "none"

    @described("A picture of an uploaded theme", answer=bytes, kind="image/png", also={404: "`not_found`"})
    def get(self, _: Request, theme: str) -> HttpResponse:
        row = themes.theme_by_key(self.workspace, SURFACE, theme) if KEY.fullmatch(theme) else None
        if row is None or not row.preview:
            raise NotFoundError("There is no picture of this theme.")
        return HttpResponse(bytes(row.preview), content_type="image/png")


def theme_key(raw: str) -> str:
    """The id of a theme in a path; DashError 400 `invalid_theme_id` for what cannot be one."""
    if not KEY.fullmatch(raw.strip()):
        raise DashError("invalid_theme_id", "No theme has such an id.")
    return raw.strip()


def _row(manifest: Mapping[str, Any], active: str, *, kept: SurfaceTheme | None = None) -> dict[str, Any]:
    is_active = manifest["id"] == active
    return {
        **manifest,
        "built_in": kept is None,
        "active": is_active,
        "deletable": kept is not None and not is_active,
        "missing": False,
        "broken": False,
        "has_preview": kept is not None and kept.has_preview,
        "created_at": "" if kept is None else iso_s(kept.created_at),
        "updated_at": "" if kept is None else iso_s(kept.updated_at),
    }
