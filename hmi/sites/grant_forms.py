"""The forms of giving, lengthening and ending access. What may be given is decided by the grant itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import audit
from accounts.models import Role
from hmi.sites.grant_rules import OWN, default_end
from hmi.sites.models import Grant, Site

MOST_SITES = 50  # of one list action
LONGEST_REVIEW = dt.timedelta(days=5 * 366)


class GrantForm(forms.ModelForm):
    """``valid_until`` may stay empty: then the usual length counts."""

    granter: Any = None  # set for each request by GrantAdmin.get_form

    class Meta:
        model = Grant
        fields = ("user", "role", "site", "valid_from", "valid_until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "valid_until" in self.fields:
            self.fields["valid_until"].required = False
            self.fields["valid_until"].help_text = (
                "UTC. Empty: as many days as the role says, 7 for a contractor. A role that writes is only shortened "
                "here; to lengthen it choose Extend in the list."
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        is_new = self.instance._state.adding  # noqa: SLF001 - Django's own name for it
        user = values.get("user") or (None if is_new else self.instance.user)
        # Separation of duties: nobody gives himself access, and nobody lengthens his own.
        if user is not None and user == self.granter:
            note_own(self.granter, values.get("site") or (None if is_new else self.instance.site))
            raise ValidationError(OWN)
        if is_new:
            self.instance.granted_by = self.granter
        role = values.get("role") or (None if is_new else self.instance.role)
        start = values.get("valid_from") or self.instance.valid_from
        is_missing = "valid_until" in self.fields and not values.get("valid_until") and "valid_until" not in self.errors
        if is_missing and role is not None and user is not None and start:
            values["valid_until"] = default_end(role, user, start)
        return values


def note_own(person: Any, site: Site | None) -> None:
    """Somebody tried to give himself access: refused, and the auditor sees it."""
    audit.try_record(
        "grant:role:given", actor=person, result="refused", site_id=site.pk if site else None,
        site=site.slug if site else "", subject="", reason=OWN, facts={"person": audit.person_subject(person)},
    )  # fmt: skip


class Moment(forms.SplitDateTimeField):
    """A date and a time in UTC, as the admin's own forms show them."""

    widget = AdminSplitDateTime


class GiveForm(forms.Form):
    """One role for many people at several sites."""

    role = forms.ModelChoiceField(Role.objects.all())
    sites = forms.ModelMultipleChoiceField(
        Site.objects.filter(enabled=True), widget=forms.CheckboxSelectMultiple, help_text="One grant for each site."
    )
    valid_from = Moment(help_text="UTC.")
    valid_until = Moment(required=False, help_text="UTC. Empty: as many days as the role says, 7 for a contractor.")
    reason = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 70}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {}).setdefault("valid_from", timezone.now().replace(second=0, microsecond=0))
        super().__init__(*args, **kwargs)

    def clean_sites(self) -> Any:
        sites = self.cleaned_data["sites"]
        if len(sites) > MOST_SITES:
            raise ValidationError(f"Choose at most {MOST_SITES} sites at once.")
        return sites


class ReasonForm(forms.Form):
    """Why access is taken away or refused."""

    reason = forms.CharField(max_length=200, widget=forms.TextInput(attrs={"size": 70}))


class ExtendForm(forms.Form):
    """Until when, and why."""

    valid_until = Moment(label="New end", help_text="UTC.")
    reason = forms.CharField(
        max_length=200, widget=forms.TextInput(attrs={"size": 70}), help_text="Stands with a grant that is given anew."
    )


class WhoForm(forms.Form):
    """Whose access is asked about, and where."""

    person = forms.CharField(max_length=150, help_text="Username, in any case.")
    site = forms.ModelChoiceField(Site.objects.all(), to_field_name="slug")

    def clean_person(self) -> Any:
        name = self.cleaned_data["person"].strip()
        person = get_user_model().objects.filter(username__iexact=name).first()
        if person is None:
            raise ValidationError("There is nobody with this username.")
        return person


class ReviewForm(forms.Form):
    """A period in UTC, its last day included, and perhaps one site."""

    start = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label="Until", help_text="This day included.", widget=forms.DateInput(attrs={"type": "date"}))
    site = forms.ModelChoiceField(Site.objects.all(), required=False, empty_label="All sites")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        start, end = values.get("start"), values.get("end")
        if start and end:
            if end < start:
                raise ValidationError("The period must end after it starts.")
            if end - start > LONGEST_REVIEW or end.year >= dt.MAXYEAR:
                raise ValidationError("Choose a period of at most five years.")
            values["start"] = dt.datetime.combine(start, dt.time(), dt.UTC)
            values["end"] = dt.datetime.combine(end + dt.timedelta(days=1), dt.time(), dt.UTC)
        return values
