"""Addresses of the read API. Adding one here without describing it in openapi.py fails a test."""

from __future__ import annotations

from django.urls import path, re_path

from hmi.api import alarms, description_view, history, readings, sites
from hmi.api.guard import nothing_here

app_name = "api"
urlpatterns = [
    path("openapi.json", description_view.openapi, name="openapi"),
    path("sites", sites.site_list, name="sites"),
    path("sites/<str:site>", sites.site_detail, name="site"),
    path("sites/<str:site>/assets", sites.asset_list, name="assets"),
    path("sites/<str:site>/assets/<str:asset>", sites.asset_detail, name="asset"),
    path("sites/<str:site>/readings", readings.readings, name="readings"),
    path("sites/<str:site>/history", history.history, name="history"),
    path("sites/<str:site>/alarms", alarms.alarms, name="alarms"),
    re_path(r"^(?P<rest>.*)\Z", nothing_here, name="nothing"),
]
