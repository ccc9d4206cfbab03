"""Refusals of the domain, put beside the fields they are about."""

from collections.abc import Mapping

from django import forms

from apps.common.errors import DomainError, InvalidInputError


def blame(form: forms.Form, error: DomainError, names: Mapping[str, str] | None = None) -> None:
    """Add a refusal to a form; `names` maps the domain's paths to the form's fields where they differ."""
    faults = error.fields if isinstance(error, InvalidInputError) else {}
    for path, sentence in faults.items():
        field = (names or {}).get(path, path)
        form.add_error(
            field if field in form.fields else None, sentence if field in form.fields else f"{path}: {sentence}"
        )
    if not faults:
        form.add_error(None, error.message)
