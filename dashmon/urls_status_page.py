"""A status page's own host: that page and nothing else (docs/architecture.md, hosts and paths)."""

from django.urls import URLPattern, URLResolver, include, path

from apps.web import urls_status

urlpatterns: list[URLPattern | URLResolver] = [path("", urls_status.home), path("", include(urls_status.tails))]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler500 = "apps.web.errors.server_error"
