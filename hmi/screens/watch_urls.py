"""Addresses of the watch lists of a site."""

from __future__ import annotations

from django.urls import path

from hmi.screens import watch_views as views

app_name = "lists"
urlpatterns = [
    path("", views.all_lists, name="all"),
    path("add/", views.add, name="add"),
    path("<uuid:key>/", views.one_list, name="one"),
    path("<uuid:key>/edit/", views.edit, name="edit"),
    path("<uuid:key>/change/", views.change, name="change"),
]
