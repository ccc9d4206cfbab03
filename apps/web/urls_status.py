"""Addresses of a public page: below /status/<slug> on the app host, at the root of a host name of its own."""

from django.urls import URLPattern, path

from apps.web.views.status import public, subscriptions

FORMS = ("feed.rss", "feed.atom", "feed.json", "calendar.ics", "badge.svg", "embed", "embed.js", "history")
tails: list[URLPattern] = [
    *(path(form, public.Shown.as_view(form=form)) for form in FORMS),
    path("incidents/<str:name>", public.Shown.as_view(form="thread")),
    path("logo.png", public.Logo.as_view()),
    path("open", public.Opening.as_view()),
    path("subscribe", subscriptions.Subscribe.as_view()),
    path("confirm/<str:token>", subscriptions.Confirm.as_view()),
    path("unsubscribe/<str:token>", subscriptions.Unsubscribe.as_view()),
]
home = public.Shown.as_view(form="html")
