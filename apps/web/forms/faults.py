"""Refusals of the domain, put beside the fields they are about."""

from collections.abc import Mapping

from django import forms

from apps.common.errors import DomainError, InvalidInputError


def blame(form: forms.Form, error: DomainError, names: Mapping[str, str] | None = None) -> None:
    """Add a refusal to a form; `names` maps the domain's paths, or how they begin, to the form's fields."""
    faults = error.fields if isinstance(error, InvalidInputError) else {}
    for path, sentence in faults.items():
        field = _field_of(path, names or {})
        if field in form.fields:
            form.add_error(field, sentence)
        else:
            form.add_error(None, f"{path}: {sentence}")
    if not faults:
        form.add_error(None, error.message)


def _field_of(path: str, names: Mapping[str, str]) -> str:
    """The field a path is about: by its whole name, else by the longest known beginning."""
    known = sorted((name for name in names if path.startswith(name)), key=len, reverse=True)
    return names[known[0]] if known else path
