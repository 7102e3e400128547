"""Addresses of the screens."""

from __future__ import annotations

from django.urls import path

from hmi.screens import (
    access_views,
    alarm_section,
    control_urls,
    list_looks,
    shell_views,
    start_urls,
    trend_views,
    views,
)

app_name = "screens"
urlpatterns = [
    *control_urls.urlpatterns,
    *start_urls.urlpatterns,
    path("", views.my_sites, name="my-sites"),
    path("sites/", views.site_list, name="site-list"),
    path("sites/<slug:slug>/", views.site, name="site"),
    path("sites/<slug:slug>/tanks/<str:asset_id>/", views.asset, {"kind": "tanks"}, name="tank"),
    path("sites/<slug:slug>/units/<str:asset_id>/", views.asset, {"kind": "units"}, name="unit"),
    path("sites/<slug:slug>/alarms-of/<str:asset_id>/", alarm_section.part, name="asset-alarms"),
    path("sites/<slug:slug>/trends/", trend_views.trends, name="trends"),
    path("sites/<slug:slug>/trends/values.csv", trend_views.export, name="trend-csv"),
    path("sites/<slug:slug>/trends/assets/<str:asset_id>/", trend_views.asset_trend, name="asset-trend"),
    path("account/access/", access_views.own_access, name="access"),
    path("account/access/ask/", access_views.ask_for_access, name="ask-for-access"),
    path("account/access/<uuid:key>/withdraw/", access_views.withdraw_request, name="withdraw-request"),
    path("list-look/", list_looks.choose, name="list-look"),
    path("theme/", shell_views.theme, name="theme"),
    path("hands/", shell_views.hands, name="hands"),
    path("offline/", shell_views.offline, name="offline"),
    path("manifest.webmanifest", shell_views.manifest, name="manifest"),
    path("sw.js", shell_views.worker, name="worker"),
]
