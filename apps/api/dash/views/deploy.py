"""What is fetched from /deploy/: install scripts for anybody, agents for who has a node's secret (contract Dash 4)."""

import re
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import bundle, updates
from apps.api.dash.auth import find_workspace, host_slug
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView
from apps.nodes.selectors import node_by_secret
from apps.operations.agents import SCRIPTS, install_commands

FOLDER = Path(__file__).parents[1] / "scripts"
SHELL, PLAIN = "text/x-shellscript; charset=utf-8", "text/plain; charset=utf-8"
FILES = {
    SCRIPTS["linux"]: ("linux.sh", SHELL),
    SCRIPTS["macos"]: ("macos.sh", SHELL),
    SCRIPTS["windows"]: ("windows.ps1", PLAIN),
}
BINARY = "application/octet-stream"
RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


class Script(Struct):
    url: str
    command_prefix: str


class DeployAnswer(Struct):
    scripts: dict[str, Script]


class DeployView(DashView):
    @described("How an agent is installed: the command, to be followed by a node's secret", answer=DeployAnswer)
    def get(self, _: Request) -> Response:
        commands = install_commands(base_of(self.plain))
        return Response(DeployAnswer({name: Script(each.url, each.prefix) for name, each in commands.items()}))


def base_of(request: HttpRequest) -> str:
    """The address this request came to, with the prefix that names a workspace; no final slash."""
    return f"{request.scheme}://{request.get_host()}{prefix_of(request)}"


def prefix_of(request: HttpRequest) -> str:
    """`/w/acme` where a prefix named the workspace; its own host needs none."""
    slug = host_slug(request)
    return "" if slug is None or getattr(request, "urlconf", None) else f"/w/{slug}"


@csrf_exempt
def deployed(request: HttpRequest, name: str) -> HttpResponse:
    """A script or an agent; refusals are plain text, for those who read them in a terminal."""
    name = name.rstrip("/")
    if request.method not in {"GET", "HEAD"}:
        return _plain("method not allowed", 405, Allow="GET, HEAD")
    if name in FILES:
        return _filled(request, name)
    if name not in {*bundle.NAMES.values(), *bundle.RUNNERS}:
        return _plain("not found", 404)
    if not _may_fetch(request, f"/deploy/{name}"):
        return _plain("unauthorized", 401)
    try:
        found = bundle.asset(name)
    except OSError:
        return _plain("the file cannot be read", 503)
    return _plain("not bundled", 404) if found is None else _piece(request, found.content)


def _may_fetch(request: HttpRequest, path: str) -> bool:
    """The secret of any live node, or the token of this very path; a wrong secret is not made good by a token."""
    now = timezone.now()
    secret = request.headers.get("X-Node-Secret")
    if secret is None:
        return updates.opens(request.GET.get("upgrade_token", ""), path, now=now)
    workspace = find_workspace(request)
    known = None if workspace is None else workspace.pk
    if host_slug(request) is not None:
        return (
            known is not None and node_by_secret(secret, workspace=known, default_workspace=None, now=now) is not None
        )
    return node_by_secret(secret, workspace=None, default_workspace=known, now=now) is not None


def _filled(request: HttpRequest, name: str) -> HttpResponse:
    file, kind = FILES[name]
    text = (FOLDER / file).read_text(encoding="utf-8")
    # Nothing here comes from the caller but the host, which was found to be one of ours.
    words = {"scheme": request.scheme or "http", "prefix": prefix_of(request), "base": base_of(request)}
    for word, value in words.items():
        text = text.replace("{{" + word + "}}", value)
    return HttpResponse(text, content_type=kind, headers={"Cache-Control": "no-store"})


def _piece(request: HttpRequest, content: bytes) -> HttpResponse:
    """The content, or the part of it that was asked for."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    asked = RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or not any(asked.groups()):
        return HttpResponse(content, content_type=BINARY, headers=headers)
    size = len(content)
    start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
    end = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
    if start > end:
        return _plain("no such part", 416, **{"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return HttpResponse(content[start : end + 1], status=206, content_type=BINARY, headers=headers)


def _plain(text: str, status: int, **headers: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type=PLAIN, headers=headers)
