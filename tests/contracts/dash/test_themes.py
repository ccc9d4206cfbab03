"""Themes of the front end (contract Dash 12)."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image

from apps.audit.models import AuditEntry
from apps.workspaces.models import SurfaceTheme, Workspace
from apps.workspaces.surfaces import change_surface_data
from tests.contracts.dash.conftest import Caller, refused

PATH = "/api/admin/system/themes/"
MANIFEST = {"id": "midnight", "name": " Midnight ", "version": "1.0.0", "author": "Ana"}
TOKENS = ":root[data-theme='midnight'] { --a: #fff; --font: \"Data: Sans\"; } :root.dark { --a: #000 }"
RECIPES = ":root { --b: calc(1px + 2px); }"
SERVED = """/* active theme */
:root {
  --a: #fff;
  --font: "Data: Sans";
  --b: calc(1px + 2px);
}

:root.dark {
  --a: #000;
}
"""


def picture(size: tuple[int, int] = (1600, 1200), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, kind)
    return out.getvalue()


def package(files: dict[str, Any] | None = None, **manifest: Any) -> bytes:
    """A zip of a theme; None takes a file out."""
    content: dict[str, Any] = {"theme.json": json.dumps(MANIFEST | manifest), "tokens.css": TOKENS, **(files or {})}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            if text is not None:
                archive.writestr(name, text)
    return out.getvalue()


def upload(call: Caller, raw: bytes, field: str = "file") -> HttpResponse:
    file = SimpleUploadedFile("theme.zip", raw, "application/zip")
    body = encode_multipart(BOUNDARY, {field: file})
    return call("POST", f"{PATH}upload", body, Content_Type=MULTIPART_CONTENT)


def listed(call: Caller) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in call("GET", PATH).json()}


def style(call: Caller, **headers: str) -> str:
    response = call("GET", "/theme/active.css", **headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    return response.content.decode()


def test_two_themes_are_always_there(admin: Caller, guest: Caller) -> None:
    response = admin("GET", PATH)

    assert [row["id"] for row in response.json()] == ["default", "operator"]
    assert response.json()[1] == {
        "id": "operator",
        "name": "Operator",
        "version": "1.0.0",
        "author": "Ithiltir",
        "description": "Dense look for operators.",
        "skin": {
            "admin": {"shell": "topbar", "frame": "flat"},
            "dashboard": {"summary": "strip", "density": "compact"},
        },
        "built_in": True,
        "active": False,
        "deletable": False,
        "missing": False,
        "broken": False,
        "has_preview": False,
        "created_at": "",
        "updated_at": "",
    }
    assert response.json()[0]["active"] is True
    assert style(guest) == ""
    assert guest("GET", "/theme/active.json").status_code == 404


def test_a_built_in_theme_is_shown_to_everybody(admin: Caller, guest: Caller) -> None:
    assert admin("POST", f"{PATH}operator/apply").status_code == 204

    assert style(guest).startswith("/* active theme */\n:root {\n  --theme-fg-default: ")
    assert guest("GET", "/theme/active.json").json()["skin"]["admin"]["shell"] == "topbar"
    assert listed(admin)["operator"]["active"] is True


def test_a_theme_is_uploaded_shown_and_taken_away(admin: Caller, guest: Caller, workspace: Workspace) -> None:
    files = {"recipes.css": RECIPES, "preview.png": picture(), "README.md": "hello", "__MACOSX/x": "", "folder/": ""}
    response = upload(admin, package(files))

    assert response.status_code == 201
    row = response.json()
    assert row == listed(admin)["midnight"]
    assert (row["name"], row["built_in"], row["active"], row["deletable"]) == ("Midnight", False, False, True)
    assert (row["created_at"], row["has_preview"]) == ("2026-03-02T10:00:00Z", True)
    preview = guest("GET", "/theme/preview/midnight.png")
    assert preview.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(preview.content)) as drawn:
        assert drawn.size == (1280, 960)

    assert admin("POST", f"{PATH}midnight/apply/").status_code == 204
    assert style(guest) == SERVED
    assert guest("GET", "/theme/active.json").json()["id"] == "midnight"
    refused(admin("DELETE", f"{PATH}midnight"), 409, "active_theme_not_deletable")

    assert admin("POST", f"{PATH}default/apply").status_code == 204
    assert admin("DELETE", f"{PATH}midnight").status_code == 204
    assert (style(guest), "midnight" in listed(admin)) == ("", False)
    refused(guest("GET", "/theme/preview/midnight.png"), 404, "not_found")
    verbs = AuditEntry.objects.of(workspace).filter(verb__startswith="dash.theme").order_by("pk")
    assert [entry.verb for entry in verbs] == ["dash.theme_upload", "dash.theme", "dash.theme", "dash.theme_delete"]


def test_the_same_id_again_replaces_it(admin: Caller, guest: Caller, clock) -> None:
    upload(admin, package({"preview.png": picture((8, 8))}))
    admin("POST", f"{PATH}midnight/apply")
    clock.forward(minutes=5)

    assert upload(admin, package({"tokens.css": ":root{--a:red}"}, version="2")).status_code == 201

    row = listed(admin)["midnight"]
    assert (row["version"], row["has_preview"], row["active"]) == ("2", False, True)
    assert (row["created_at"], row["updated_at"]) == ("2026-03-02T10:00:00Z", "2026-03-02T10:05:00Z")
    assert style(guest) == "/* active theme */\n:root {\n  --a: red;\n}\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no zip",
        package()[:-30],
        package({"tokens.css": None}),
        package({"theme.json": None}),
        package({"tokens.css": " "}),
        package({"tokens.css": "/* nothing */"}),
        package({"tokens.css": b"\xff\xfe"}),
        package({"theme.json": "{"}),
        package({"theme.json": "[]"}),
        package({"theme.json": "[" * 100_000}),
        package({"script.js": "alert(1)"}),
        package({"assets/tokens.css": TOKENS}),
        package({"../tokens.css": TOKENS}),
        package({"preview.png": "no picture"}),
        package({"preview.png": picture((8, 8), "GIF")}),
        package({"recipes.css": ":root{background:red}"}),
        package(id="default"),
        package(id="operator"),
        package(id="BAD"),
        package(name=""),
        package(version=None),
        package(name="a\nb"),
        package(skin={"dashboard": {"density": "tiny"}}),
        package(skin=[]),
    ],
)
def test_what_is_no_theme_is_not_taken(admin: Caller, raw: bytes) -> None:
    refused(upload(admin, raw), 400, "invalid_theme_package")

    assert not SurfaceTheme.objects.exists()


@pytest.mark.parametrize(
    "css",
    [
        "body{--a:1}",
        ":root > p{--a:1}",
        ":root, :root.dark{--a:1}",
        ":root.dark.dark{--a:1}",
        ":root[data-theme='other']{--a:1}",
        "@import 'x';:root{--a:1}",
        "@media x{:root{--a:1}}",
        ":root{--a:1;@apply x}",
        ":root{--a:{--b:1}}",
        ":root{color:red}",
        ":root{--A:1}",
        ":root{--a}",
        ":root{--a:}",
        ":root{--a:1",
        ":root{--a:1}}",
        ":root{--a:URL (x)}",
        ":root{--a:image-set('x' 1x)}",
        ":root{--a:expression(1)}",
        ":root{--a:JavaScript :alert(1)}",
        ":root{--a:u\\72l(x)}",
        ":root{--a:1 !important}",
        ":root{--a:1 ! important}",
        ":root{--a:calc((1px)}",
        ":root{--a:calc([1px)]}",
        ":root{--a:1)}",
        ":root{--a:'half}",
        ":root{--a:1} /* half",
        ":root{--a:\x01}",
        ":root{--a:" + "x" * 4097 + "}",
        ":root{" + "--a:1;" * 1025 + "}",
    ],
)
def test_a_style_sets_properties_of_the_root_alone(admin: Caller, css: str) -> None:
    refused(upload(admin, package({"tokens.css": css})), 400, "invalid_theme_package")
    refused(upload(admin, package({"recipes.css": css})), 400, "invalid_theme_package")


def test_two_files_of_one_name_are_refused(admin: Caller) -> None:
    out = io.BytesIO(package())
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("tokens.css", TOKENS)

    refused(upload(admin, out.getvalue()), 400, "invalid_theme_package")


def test_a_small_zip_of_something_huge_is_refused(admin: Caller) -> None:
    huge = package({"README.md": b"\0" * (21 * 1024 * 1024)})
    assert len(huge) < 100_000

    refused(upload(admin, huge), 400, "invalid_theme_package")


def test_all_files_together_have_a_limit(admin: Caller) -> None:
    each = b"\0" * (18 * 1024 * 1024)

    response = upload(admin, package({"README.md": each, "recipes.css": each, "preview.png": each}))

    refused(response, 400, "invalid_theme_package")


def test_an_upload_of_more_than_twenty_mebibytes_is_not_read(admin: Caller) -> None:
    refused(upload(admin, b"\0" * (20 * 1024 * 1024 + 70_000)), 413, "body_too_large")


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_without_a_file_is_no_package(admin: Caller, kind: str) -> None:
    refused(admin("POST", f"{PATH}upload", "{}", Content_Type=kind), 400, "invalid_theme_package")
    refused(upload(admin, package(), field="theme"), 400, "invalid_theme_package")


def test_fifty_themes_are_enough(admin: Caller, monkeypatch) -> None:
    monkeypatch.setattr("apps.workspaces.themes.MOST", 1)
    upload(admin, package())

    refused(upload(admin, package(id="second")), 400, "invalid_theme_package")
    assert upload(admin, package(version="2")).status_code == 201


def test_themes_that_are_not_there(admin: Caller) -> None:
    refused(admin("POST", f"{PATH}BAD/apply"), 400, "invalid_theme_id")
    refused(admin("DELETE", f"{PATH}BAD"), 400, "invalid_theme_id")
    refused(admin("POST", f"{PATH}nothing/apply"), 404, "not_found")
    refused(admin("DELETE", f"{PATH}nothing"), 404, "not_found")
    for built_in in ("default", "operator"):
        refused(admin("DELETE", f"{PATH}{built_in}"), 409, "builtin_theme_not_deletable")


def test_a_chosen_theme_that_went_missing_is_told(admin: Caller, guest: Caller, workspace: Workspace) -> None:
    change_surface_data(workspace=workspace, surface="dash", changes={"theme": "gone"})

    response = admin("GET", PATH)

    assert response.headers["X-Dash-Warning"] == "theme_active_missing"
    row = response.json()[-1]
    assert (row["id"], row["missing"], row["active"], row["deletable"]) == ("gone", True, True, False)
    assert style(guest) == ""
    refused(guest("GET", "/theme/active.json"), 404, "not_found")


def test_a_theme_belongs_to_one_workspace(admin: Caller, stranger: Caller, guest: Caller, other, settings) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    upload(admin, package({"preview.png": picture((8, 8))}))
    admin("POST", f"{PATH}midnight/apply")
    theirs = {"Host": f"{other.slug}.tenants.example"}

    assert list(listed(stranger)) == ["default", "operator"]
    refused(stranger("POST", f"{PATH}midnight/apply"), 404, "not_found")
    refused(stranger("DELETE", f"{PATH}midnight"), 404, "not_found")
    assert style(guest, **theirs) == ""
    refused(guest("GET", "/theme/preview/midnight.png", **theirs), 404, "not_found")
    assert style(guest) != ""


def test_the_style_is_answered_whatever_is_the_matter(guest: Caller, settings) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    assert style(guest, Host="nobody.tenants.example") == ""
    settings.PROFILE = "saas"
    assert style(guest) == ""


def test_guests_change_no_theme(guest: Caller) -> None:
    refused(upload(guest, package()), 401, "unauthorized")
    for method, tail in (("GET", ""), ("POST", "operator/apply"), ("DELETE", "midnight")):
        refused(guest(method, f"{PATH}{tail}"), 401, "unauthorized")
    assert not SurfaceTheme.objects.exists()
