"""Which socket address leads to which live page."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path

from hmi.live.consumers import AlarmsConsumer, AssetConsumer, MySitesConsumer, NothingHere, SiteConsumer
from hmi.live.tags_consumer import TagsConsumer
from hmi.live.watch_consumer import WatchConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/my-sites/", MySitesConsumer.as_asgi()),
    path("ws/sites/<str:slug>/", SiteConsumer.as_asgi()),
    path("ws/sites/<str:slug>/alarms/", AlarmsConsumer.as_asgi()),
    path("ws/sites/<str:slug>/tanks/<str:asset>/", AssetConsumer.as_asgi()),
    path("ws/sites/<str:slug>/units/<str:asset>/", AssetConsumer.as_asgi()),
    path("ws/sites/<str:slug>/tags/", TagsConsumer.as_asgi()),
    path("ws/sites/<str:slug>/lists/<uuid:key>/", WatchConsumer.as_asgi()),
    re_path(r"", NothingHere.as_asgi()),
]
