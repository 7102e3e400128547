"""Addresses around the start page: favourites, search, labels."""

from __future__ import annotations

from django.urls import path

from hmi.screens import favourite_views, label_views, search_views

urlpatterns = [
    path("search/", search_views.find, name="search"),
    path("favourites/", favourite_views.favourite_list, name="favourites"),
    path("favourites/star/", favourite_views.star, name="star"),
    path("favourites/arrange/", favourite_views.arrange, name="arrange-favourites"),
    path("favourites/<slug:slug>/<str:asset_id>/", favourite_views.choose_tags, name="choose-tags"),
    path("t/<slug:slug>/<str:asset_id>", label_views.label, name="label"),
]
