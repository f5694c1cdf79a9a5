"""The WSGI entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

from prefapp import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prefapp.settings")

embedded.hold_or_exit()
application = get_wsgi_application()
