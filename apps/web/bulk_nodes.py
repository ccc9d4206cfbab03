"""What people do to many nodes at once: one sentence about all of them, or why nothing was changed."""

from collections.abc import Callable, Sequence

from apps.common.errors import DomainError, InvalidInputError, NotFoundError
from apps.nodes.models import NodeGroup
from apps.nodes.selectors import group_by_number
from apps.nodes.services import Shift, shift_nodes
from apps.nodes.tags import clean_tags
from apps.web.access import WorkspacePage
from apps.web.forms.monitors.base import split
from apps.web.presenters import words

# Four pages of the list; one page is what can be ticked.
MOST = 200
Numbers = Sequence[int]


def picked(texts: Sequence[str]) -> list[int]:
    """The numbers that were ticked, each once. InvalidInputError for what is no number, or for too many."""
    numbers = list(dict.fromkeys(int(text) for text in texts if text.isdecimal() and len(text) < 10))
    if len(numbers) != len(set(texts)):
        raise InvalidInputError("what was ticked is no node.")
    if len(numbers) > MOST:
        raise InvalidInputError(f"at most {MOST} nodes go at once.")
    return numbers


def act_on(page: WorkspacePage, act: str, numbers: Numbers) -> str:
    """Do one of ACTS to all of them; the sentence to show. A DomainError says why nothing may stay done."""
    return ACTS[act](page, numbers)


def fault_of(error: DomainError) -> str:
    """Why nothing was changed, to follow a colon."""
    faults = error.fields if isinstance(error, InvalidInputError) else {}
    sentence = next(iter(faults.values()), error.message)
    return f"{sentence[0].lower()}{sentence[1:]}"


def _join(page: WorkspacePage, numbers: Numbers) -> str:
    group = _group(page)
    return f"{_shift(page, numbers, Shift(join=group.number))} added to {group.name}."


def _leave(page: WorkspacePage, numbers: Numbers) -> str:
    group = _group(page)
    return f"{_shift(page, numbers, Shift(leave=group.number))} taken out of {group.name}."


def _tag(page: WorkspacePage, numbers: Numbers) -> str:
    tags = _tags(page)
    return f"{', '.join(tags)} added to {_shift(page, numbers, Shift(add_tags=tags))}."


def _untag(page: WorkspacePage, numbers: Numbers) -> str:
    tags = _tags(page)
    return f"{', '.join(tags)} removed from {_shift(page, numbers, Shift(drop_tags=tags))}."


def _show(page: WorkspacePage, numbers: Numbers) -> str:
    return f"{_shift(page, numbers, Shift(public=True))} shown to guests from now on."


def _hide(page: WorkspacePage, numbers: Numbers) -> str:
    return f"{_shift(page, numbers, Shift(public=False))} hidden from guests from now on."


def _shift(page: WorkspacePage, numbers: Numbers, shift: Shift) -> str:
    """How many of how many nodes were changed, in words."""
    changed = shift_nodes(
        workspace=page.workspace,
        numbers=numbers,
        shift=shift,
        projects=page.actor.projects,
        actor=page.actor.label,
        now=page.now,
    )
    return f"{words.grouped(changed)} of {words.plural(len(numbers), 'node')}"


def _group(page: WorkspacePage) -> NodeGroup:
    text = page.request.POST.get("group", "")
    if not text.isdecimal() or len(text) > 9:
        raise InvalidInputError("choose a group first.")
    try:
        return group_by_number(page.workspace, int(text))
    except NotFoundError:
        raise InvalidInputError("that group is not there any more.") from None


def _tags(page: WorkspacePage) -> list[str]:
    tags = clean_tags(split(page.request.POST.get("tags", "")))
    if not tags:
        raise InvalidInputError("write the tag first.")
    return tags


ACTS: dict[str, Callable[[WorkspacePage, Numbers], str]] = {
    "join": _join,
    "leave": _leave,
    "tag": _tag,
    "untag": _untag,
    "show": _show,
    "hide": _hide,
}
