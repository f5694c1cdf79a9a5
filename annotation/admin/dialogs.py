"""Actions that ask before they do something: a dialog over the page, and the way back."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_htmx.http import HttpResponseClientRedirect
from unfold.dataclasses import ActionDialog
from unfold.forms import BaseDialogForm


def dialog(title: str, description: str, submit: str, form: type[Any] = BaseDialogForm) -> Any:
    """What the theme shows before an action that changes something; the action itself takes the form by POST."""
    return ActionDialog(title=title, description=description, form_class=form, form_submit_text=submit)


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """Leaves the dialog for a page, whether it was sent by script or not."""
    is_scripted = request.headers.get("HX-Request") == "true"
    return HttpResponseClientRedirect(url) if is_scripted else HttpResponseRedirect(url)
