"""A person's own access: what is open to them where and why not, asking for more, and what became of asking."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from accounts.roles import role_words
from hmi.screens.presenters.own_access import show_own_access, show_requests
from hmi.sites.access import NOT_FOUND
from hmi.sites.access_request_letters import send_letters
from hmi.sites.access_request_rules import MOST_OPEN, ask, usual_day, withdraw
from hmi.sites.access_requests import MAX_REASON, AccessRequest
from hmi.sites.explain import explain_access
from hmi.sites.models import Site, check_slug

MOST_SITES = 50  # on the page: each is one query


class RoleField(forms.ModelChoiceField):
    """Roles under the names that people read."""

    def label_from_instance(self, obj: Any) -> str:
        return role_words(obj.name)


class AskForm(forms.Form):
    """What is asked for. ``known``: the sites at which the person holds or held a grant, and so may call by name."""

    site = forms.CharField(
        label=gettext_lazy("Site"),
        max_length=100,
        widget=forms.TextInput(attrs={"list": "known-sites", "autocapitalize": "off"}),
    )
    role = RoleField(
        Role.objects.none(),
        label=gettext_lazy("Role"),
        to_field_name="slug",
        empty_label=gettext_lazy("Choose a role"),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        # The browser's own control sends a day this way in every language; what it shows is the browser's matter.
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    reason = forms.CharField(label=gettext_lazy("What you need it for"), max_length=MAX_REASON)

    def __init__(self, *args: Any, known: list[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = known
        role: Any = self.fields["role"]
        role.queryset = Role.objects.order_by("name")
        self.fields["site"].help_text = _("The short word for the site, as it stands in its address: north.")

    def clean_site(self) -> str:
        word = self.cleaned_data["site"].strip()
        slug = next((site.slug for site in self._known if site.name.casefold() == word.casefold()), word.lower())
        try:
            check_slug(slug)
        except ValidationError:
            words = _(
                "The word for a site has 1 to 50 lower-case letters, digits and hyphens, and neither starts nor ends "
                "with a hyphen."
            )
            raise ValidationError(words) from None
        return slug


@require_safe
def own_access(request: HttpRequest) -> HttpResponse:
    """Every site that this person has or had a grant at, with what it opens and why not; and their requests."""
    now = timezone.now()
    sites = known_sites(request.user)
    reasons = {site.slug: explain_access(request.user, site, now, session=request.session) for site in sites}
    context = {
        "page": "access",
        "sites": show_own_access(sites, reasons),
        "requests": show_requests(recent_requests(request.user), now),
        "most_open": MOST_OPEN,
    }
    return render(request, "screens/own_access.html", context)


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def ask_for_access(request: HttpRequest) -> HttpResponse:
    """The form, filled in from the address (``site``, ``role``) where the way here knows it; and its sending."""
    person, now = request.user, timezone.now()
    known = known_sites(person)
    if request.method != "POST":
        role = Role.objects.filter(slug=request.GET.get("role", "")[:80]).first()
        initial = {
            "site": request.GET.get("site", "")[:50], "role": role.slug if role else None,
            "last_day": usual_day(person, role, now),
        }  # fmt: skip
        return _form_page(request, AskForm(known=known, initial=initial), known)
    form = AskForm(request.POST, known=known)
    if not form.is_valid():
        return _form_page(request, form, known)
    values = form.cleaned_data
    try:
        asked = ask(
            person, slug=values["site"], role=values["role"], last_day=values["last_day"], reason=values["reason"],
            now=now,
        )  # fmt: skip
    except ValidationError as error:
        form.add_error(None, error)
        return _form_page(request, form, known)
    send_letters(asked, now)
    words = _("Asked for %(role)s at %(site)s. Here you see what becomes of it.")
    messages.success(request, words % {"role": role_words(values["role"].name), "site": asked.site_slug})
    return HttpResponseRedirect(reverse("screens:access"), status=303)


@require_POST
def withdraw_request(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Take an own request back. Another person's, and one that was answered, is not there."""
    try:
        taken = withdraw(request.user, key)
    except AccessRequest.DoesNotExist:
        raise Http404(NOT_FOUND) from None
    role = role_words(taken.role.name) if taken.role is not None else _("a role that is gone")
    messages.success(request, _("Taken back: %(role)s at %(site)s.") % {"role": role, "site": taken.site_slug})
    return HttpResponseRedirect(reverse("screens:access"), status=303)


def known_sites(person: Any) -> list[Site]:
    """The sites at which the person holds or held a grant, by name."""
    return list(Site.objects.filter(grants__user_id=person.pk).distinct().order_by("name")[:MOST_SITES])


def recent_requests(person: Any) -> list[AccessRequest]:
    return list(AccessRequest.objects.select_related("role", "grant__site", "grant__user").shown_to(person))


def _form_page(request: HttpRequest, form: AskForm, known: list[Site]) -> HttpResponse:
    return render(request, "screens/ask_for_access.html", {"form": form, "known": known, "page": "access"})
