"""Where an enrolling agent calls; the paths stand in relay_bridge/contract/enrolment.py."""

from __future__ import annotations

from django.urls import path

from hmi.sites import enrolment_views as views
from relay_bridge.contract.enrolment import CLAIM_PATH, COLLECT_PATH, DONE_PATH

app_name = "enrolment"
urlpatterns = [
    path(CLAIM_PATH.removeprefix("/"), views.claim, name="claim"),
    path(COLLECT_PATH.removeprefix("/"), views.collect, name="collect"),
    path(DONE_PATH.removeprefix("/"), views.done, name="done"),
]
