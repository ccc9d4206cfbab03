"""Addresses of a page: where it is found from outside, and from its own pages."""

from dataclasses import dataclass

from apps.notifications.links import base_url
from apps.statuspages.models import StatusPage
from apps.workspaces.models import Domain


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is looked at: below the app host, or at the root of a name of its own."""

    slug: str
    own_host: bool = False

    @property
    def home(self) -> str:
        return "/" if self.own_host else f"/status/{self.slug}"

    def path(self, tail: str) -> str:
        """The path of something of the page: `history`, `feed.rss`."""
        return f"/{tail}" if self.own_host else f"/status/{self.slug}/{tail}"


def url_of(page: StatusPage) -> str:
    """The page's address on the app host."""
    return f"{base_url()}/status/{page.slug}"


def public_url(page: StatusPage) -> str:
    """The address people know: the page's own proved name where it has one. One statement."""
    rows = Domain.objects.of(page.workspace_id).filter(
        use=Domain.Use.STATUS_PAGE, target_id=page.pk, verified_at__isnull=False
    )
    host = rows.values_list("hostname", flat=True).first()
    return f"https://{host}" if host else url_of(page)
