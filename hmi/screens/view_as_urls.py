"""Addresses of looking at a site as another person. Which person and which site stands on the server, not in them."""

from __future__ import annotations

from django.urls import path

from hmi.screens import view_as_views as views

app_name = "view-as"
urlpatterns = [
    path("", views.site, name="site"),
    path("tanks/<str:asset_id>/", views.asset, {"kind": "tanks"}, name="tank"),
    path("units/<str:asset_id>/", views.asset, {"kind": "units"}, name="unit"),
    path("end/", views.end, name="end"),
]
