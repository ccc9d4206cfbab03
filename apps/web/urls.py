"""Addresses of the pages, mounted at /app/. Every page of a workspace carries its slug, so a link can be shared."""

from django.urls import path

from apps.web.views import entry

app_name = "web"
urlpatterns = [
    path("", entry.Home.as_view(), name="home"),
]
