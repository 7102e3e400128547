"""Which address leads where. Each noun keeps its own list."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("hmi.screens.urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.oauth.urls")),
    path("", include("hmi.sites.enrolment_urls")),
    path("sites/<slug:slug>/alarms/", include("hmi.screens.alarm_urls")),
    path("sites/<slug:slug>/lists/", include("hmi.screens.watch_urls")),
    path("sites/<slug:slug>/notes/", include("hmi.screens.note_urls")),
    path("sites/<slug:slug>/shifts/", include("hmi.screens.shift_urls")),
    path("api/v1/", include("hmi.api.urls")),
    path("view-as/", include("hmi.screens.view_as_urls")),
    path("audit/", include("hmi.audit.urls")),
    path("admin/", admin.site.urls),
]
