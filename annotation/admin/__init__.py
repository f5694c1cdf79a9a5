"""The admin: a lead's workbench on the rows of their projects. One file an aggregate."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from annotation.admin import comparison, critic, event, judgment, key, lease, people, project, prompt

__all__ = ["comparison", "critic", "event", "judgment", "key", "lease", "people", "project", "prompt"]

admin.site.index_title = "Start"
# One page to sign in at, with its limits on guessing.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth wants it
