"""Addresses of the dialogs and of changes: the right that each needs is that of its kind."""

from __future__ import annotations

from django.urls import path

from hmi.controls.models import Kind
from hmi.screens import control_views as views
from hmi.screens.control_dialog_views import dialog

_STEPS = {
    "change": ("", views.change),
    "send": ("send/", views.send),
    "agree": ("agree/", views.agree),
    "put-away": ("put-away/", views.put_away),
    "ask-again": ("ask-again/", views.ask_again),
}

urlpatterns = [path("sites/<slug:slug>/actions/", views.actions, name="actions")]
for _kind in Kind:
    _folder = f"sites/<slug:slug>/{_kind.value}s"
    for _name, (_end, _view) in _STEPS.items():
        urlpatterns.append(
            path(
                f"{_folder}/change/<uuid:key>/{_end}",
                views.by_kind(_view)[_kind],
                {"kind": _kind},
                name=f"{_kind.value}-{_name}",
            )
        )
    urlpatterns.append(
        path(f"{_folder}/<str:target>/", views.by_kind(dialog)[_kind], {"kind": _kind}, name=_kind.value)
    )
