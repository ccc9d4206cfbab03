"""Front ends of other products, as their makers built them: files that the operator put into the data folder.

None is in the repository. A path without a dot in its last segment is a page of the front end: its index answers.
"""

from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe
from django.views.static import serve

# Names that change with their contents stand here in every build that Vite makes.
HASHED = "assets/"
FOR_EVER, ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"
# Their index pages start with an inline script, and logos may come from anywhere.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: http: https:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
NAMES = {"dash": "Dash"}
NOT_HERE = (
    "The front end of {name} is not here yet. Its API answers at this address.\n\n"
    "Build {name}'s own front end and put its files, index.html at the top, into fronts/{face} of the server's data "
    "folder. No restart is needed."
)


def folder_of(face: str) -> Path:
    """Where the built files of a front end are put."""
    return Path(settings.DATA_DIR) / "fronts" / face


@require_safe
def front(request: HttpRequest, path: str, face: str) -> HttpResponseBase:
    """A file of the front end, its index for its own addresses, or a page that says how it comes here."""
    folder = folder_of(face)
    if not (folder / "index.html").is_file():
        return _plain(NOT_HERE.format(name=NAMES[face], face=face), 404)
    is_file = "." in path.rpartition("/")[2]
    response = serve(request, path if is_file else "index.html", document_root=str(folder))
    response.headers["Cache-Control"] = FOR_EVER if is_file and path.startswith(HASHED) else ASK_AGAIN
    response.headers["Content-Security-Policy"] = POLICY
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler400."""
    return _plain("This request cannot be read.", 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler403."""
    return _plain("This is not allowed.", 403)


def missing(request: HttpRequest, exception: Http404) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler404: a file that the front end does not have."""
    return _plain("There is nothing here.", 404)


def broken(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django's signature
    """Django's handler500."""
    return _plain("Something broke here. It has been written down.", 500)


def _plain(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
