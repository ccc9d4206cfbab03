"""The form of a project's routing. Every input is named by its path in the document of contract Dashmon 9.1, so that
what was typed becomes a document, and a refusal finds its field, without a table between them.
"""

from apps.web.forms.routing.acts import change
from apps.web.forms.routing.draft import read_draft
from apps.web.forms.routing.layout import Choices, Layout, lay_out, stored_secrets

__all__ = ["Choices", "Layout", "change", "lay_out", "read_draft", "stored_secrets"]
