"""What a request's query says; anything that cannot be is 400 `invalid_request`."""

from collections.abc import Collection

from django.http import QueryDict

from apps.api.dash.errors import DashError, InvalidRequestError
from apps.api.dash.payloads import MOST_ID
from apps.common.errors import NotFoundError
from apps.nodes.models import Node
from apps.nodes.selectors import node_by_number
from apps.workspaces.models import Workspace


def whole(query: QueryDict, name: str, *, least: int, most: int, default: int | None = None) -> int | None:
    """A whole number of at least `least`; what is above `most` is taken as that. Left out or empty: the default."""
    raw = (query.get(name) or "").strip()
    if not raw:
        return default
    digits = raw.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20 and int(digits) >= least):
        raise InvalidRequestError(f"{name} must be a whole number of at least {least}.")
    return min(int(digits), most)


def one_of(query: QueryDict, name: str, choices: Collection[str], *, default: str = "") -> str:
    """One of the choices. Left out or empty: the default, where there is one."""
    value = (query.get(name) or "").strip() or default
    if value not in choices:
        raise InvalidRequestError(f"{name} must be one of {', '.join(choices)}.")
    return value


def text(query: QueryDict, name: str, *, longest: int = 320) -> str:
    """A text that is not blank."""
    value = (query.get(name) or "").strip()
    if not value or len(value) > longest or "\0" in value:
        raise InvalidRequestError(f"{name} is required.")
    return value


def server_id(query: QueryDict) -> int:
    """The number of a node."""
    found = whole(query, "server_id", least=1, most=MOST_ID)
    if found is None:
        raise InvalidRequestError("server_id is required.")
    return found


def node_for(workspace: Workspace, number: int, *, is_admin: bool, opened: bool = True) -> Node | None:
    """The node that the caller may read; None where an admin asks for one that is not there.

    A guest is refused (403 `forbidden`) unless the gate is open and the node is shown to guests.
    """
    if not is_admin and not opened:
        raise forbidden()
    try:
        return node_by_number(workspace, number, public_only=not is_admin)
    except NotFoundError as error:
        if is_admin:
            return None
        raise forbidden() from error


def forbidden() -> DashError:
    return DashError("forbidden", "Sign in to see this.", status=403)
