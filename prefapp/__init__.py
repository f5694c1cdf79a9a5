"""The frame: settings, URLs, Celery, embedded services and the demo. No domain code lives here."""
