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
# Records and rows hold no cycles; looking for some after every 700 took a fifth of the time of a stream.
gc.set_threshold(100_000, 20, 20)
