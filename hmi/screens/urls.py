"""Addresses of the screens."""

from __future__ import annotations

from django.urls import path

from hmi.screens import shell_views, views

app_name = "screens"
urlpatterns = [
    path("", views.my_sites, name="my-sites"),
    path("sites/", views.site_list, name="site-list"),
    path("sites/<slug:slug>/", views.site, name="site"),
    path("sites/<slug:slug>/tanks/<str:asset_id>/", views.asset, {"kind": "tanks"}, name="tank"),
    path("sites/<slug:slug>/units/<str:asset_id>/", views.asset, {"kind": "units"}, name="unit"),
    path("theme/", shell_views.theme, name="theme"),
    path("offline/", shell_views.offline, name="offline"),
    path("manifest.webmanifest", shell_views.manifest, name="manifest"),
    path("sw.js", shell_views.worker, name="worker"),
]
