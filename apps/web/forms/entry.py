"""Forms of people who are not signed in yet."""

from django import forms


class FirstRunForm(forms.Form):
    """The first account of an installation and its workspace."""

    workspace = forms.CharField(
        label="Name of your workspace",
        max_length=120,
        help_text="Usually the name of your team or company. It can be changed later.",
    )
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password",
        min_length=8,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, and not one that is easy to guess.",
    )


class InvitedForm(forms.Form):
    """The account of somebody who was invited; the address is the invitation's."""

    name = forms.CharField(
        label="Your name", max_length=120, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Choose a password",
        min_length=8,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, and not one that is easy to guess.",
    )


class WorkspaceForm(forms.Form):
    """A workspace for somebody who has none."""

    name = forms.CharField(label="Name of your workspace", max_length=120)
