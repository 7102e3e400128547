"""What the auditor may narrow the trail by: person, site, tag, result and time."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.audit.models import Event
from accounts.audit.tags import TAGS
from relay_bridge.contract.audit import MAX_NAME, without_secrets

RESULTS = (("done", _("done")), ("refused", _("refused")), ("failed", _("failed")))
_ANY = ("", _("any"))


class _Moment(forms.DateTimeField):
    """A moment in UTC, as the browser's own control gives it."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, input_formats=("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"), **kwargs)


class FilterForm(forms.Form):
    """Bound to the query of the address, so a filtered page can be bookmarked."""

    person = forms.CharField(required=False, max_length=MAX_NAME, label=_("Person (username)"))
    site = forms.ChoiceField(required=False, label=_("Site"))
    tag = forms.ChoiceField(required=False, label=_("What"), choices=[_ANY, *((tag, tag) for tag in sorted(TAGS))])
    result = forms.ChoiceField(required=False, label=_("Result"), choices=[_ANY, *RESULTS])
    since = _Moment(label=_("From (UTC)"))
    until = _Moment(label=_("Until (UTC)"))

    def __init__(self, data: Any, sites: tuple[tuple[str, str], ...]) -> None:
        super().__init__(data)
        self.fields["site"] = forms.ChoiceField(required=False, label=_("Site"), choices=[_ANY, *sites])

    def narrow(self, events: QuerySet[Event]) -> QuerySet[Event]:
        """``events`` that fit; none at all when the form is not valid, so that nobody reads more than was asked for."""
        if not self.is_valid():
            return events.none()
        values = self.cleaned_data
        if values["person"]:
            name = values["person"]
            events = events.filter(Q(username__iexact=name) | Q(subject__iendswith=f" {name}"))
        if values["site"]:
            events = events.filter(site=values["site"])
        if values["tag"]:
            events = events.filter(tag=values["tag"])
        if values["result"]:
            events = events.filter(result=values["result"])
        if values["since"]:
            events = events.filter(at__gte=_ms(values["since"]))
        if values["until"]:
            events = events.filter(at__lt=_ms(values["until"]))
        return events

    def words(self) -> str:
        """The filter as the event of an export tells it."""
        words = " ".join(f"{name}={self.data[name]}" for name in self.fields if self.data.get(name))
        return without_secrets(words)


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)
