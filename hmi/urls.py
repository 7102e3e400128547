"""Which address leads where. Each noun keeps its own list."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("hmi.screens.urls")),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
