"""The WSGI entry point of the web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from prefapp import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prefapp.settings")

embedded.hold_or_exit()
django = get_wsgi_application()

from prefapp.charset import only_utf_8  # noqa: E402 (reads the settings)

application = only_utf_8(django)

# What is there by now stays: the collector need not look at it again and again, which took a tenth of a request's time.
gc.collect()
gc.freeze()
