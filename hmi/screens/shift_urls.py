"""Addresses of the shift hand-overs of a site."""

from __future__ import annotations

from django.urls import path

from hmi.screens import shift_views as views

app_name = "shifts"
urlpatterns = [
    path("", views.hand_overs, name="all"),
    path("new/", views.new, name="new"),
    path("<uuid:key>/", views.one, name="one"),
    path("<uuid:key>/paper/", views.paper, name="paper"),
    path("<uuid:key>/change/", views.change, name="change"),
    path("<uuid:key>/take/", views.take, name="take"),
]
