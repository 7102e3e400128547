"""Addresses of the auditor's screen."""

from __future__ import annotations

from django.urls import path

from hmi.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.trail, name="trail"),
    path("export.jsonl", views.export, {"kind": "jsonl"}, name="export-jsonl"),
    path("export.csv", views.export, {"kind": "csv"}, name="export-csv"),
]
