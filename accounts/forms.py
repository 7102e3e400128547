"""The sign-in form: a username and a password, as a phone's keyboard and password manager like them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import UsernameField
from django.utils.translation import gettext_lazy

LONGEST_PASSWORD = 1024  # characters; more is no password but work for the server


class SignInForm(forms.Form):
    username = UsernameField(
        label=gettext_lazy("Username"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # After a failure the username stands there again and the password is what is typed next.
        self.fields["password" if self.is_bound else "username"].widget.attrs["autofocus"] = True
