"""Addresses of the notes of a site."""

from __future__ import annotations

from django.urls import path

from hmi.screens import note_views as views

app_name = "notes"
urlpatterns = [
    path("", views.site_notes, name="site"),
    path("assets/<str:asset_id>/", views.asset_notes, name="asset"),
    path("assets/<str:asset_id>/write/", views.write, name="write"),
    path("<uuid:key>/photo/", views.photo, name="photo"),
    path("<uuid:key>/withdraw/", views.withdraw, name="withdraw"),
]
