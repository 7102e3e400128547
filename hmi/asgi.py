"""The ASGI application: pages by Django, live sockets by Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmi.settings")
pages = get_asgi_application()  # loads the apps: must come before anything that touches models

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import OriginValidator  # noqa: E402
from django.conf import settings  # noqa: E402

from hmi.body_limit import BodyLimit  # noqa: E402
from hmi.live.routing import websocket_urlpatterns  # noqa: E402
from hmi.live.socket_compression import compress_sockets  # noqa: E402

compress_sockets()

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(pages),
        # The exact origin, scheme and port included: the allowed-hosts validator accepts other ports of the host.
        "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), [settings.PUBLIC_URL]),
    }
)
