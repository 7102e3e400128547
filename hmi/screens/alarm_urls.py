"""Addresses of the alarms of a site."""

from __future__ import annotations

from django.urls import path

from hmi.screens import (
    alarm_act_views,
    alarm_figure_views,
    alarm_journal_views,
    alarm_shelved_views,
    alarm_views,
)

app_name = "alarms"
urlpatterns = [
    path("", alarm_views.alarm_list, name="list"),
    path("review/", alarm_act_views.review, name="review"),
    path("acknowledge/", alarm_act_views.acknowledge, name="acknowledge"),
    path("shelve/", alarm_act_views.shelve, name="shelve"),
    path("shelved/", alarm_shelved_views.shelved, name="shelved"),
    path("journal/", alarm_journal_views.journal, name="journal"),
    path("journal.csv", alarm_journal_views.journal_csv, name="journal-csv"),
    path("figures/", alarm_figure_views.figures, name="figures"),
    path("<str:alarm_id>/", alarm_views.alarm, name="detail"),
]
