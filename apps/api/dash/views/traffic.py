"""Traffic of a node's interfaces, and how a workspace counts it (contract Dash 8)."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import asked, traffic
from apps.api.dash.errors import DashError, InvalidRequestError
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done
from apps.api.dash.views.history import REFUSED, SERVER
from apps.common.errors import InvalidInputError, NotFoundError
from apps.common.values import Ref
from apps.nodes.models import Node
from apps.traffic import selectors
from apps.traffic.choices import NodeChoice, choice_of, settings_of, terms_under
from apps.traffic.models import LONGEST_NAME, Settings
from apps.traffic.plans import CycleFaultError
from apps.traffic.services import change_settings

PERIODS = ("current", "previous")
USUAL_MONTHS = 6
# Stands for a node that is not there: nothing is known of it.
NOBODY = Ref("node", 0)
IFACE = OpenApiParameter("iface", required=True, description="One interface; `all` is refused")
PERIOD = OpenApiParameter("period", enum=list(PERIODS), default="current")


class SettingsBody(Strict):
    guest_access_mode: Maybe[Any] = None
    usage_mode: Maybe[Any] = None
    cycle_mode: Maybe[Any] = None
    billing_start_day: Maybe[Any] = None
    billing_anchor_date: Maybe[Any] = None
    billing_timezone: Maybe[Any] = None
    direction_mode: Maybe[Any] = None

    @property
    def sent(self) -> dict[str, Any]:
        named = {name: said(getattr(self, name)) for name in self.__struct_fields__}
        return {name: value for name, value in named.items() if value is not None}


class IfaceRow(Struct):
    name: str


class DailyAnswer(Struct):
    items: list[traffic.DayShape]


class MonthlyAnswer(Struct):
    includes_current: bool
    items: list[traffic.SummaryShape]


class SettingsView(DashView):
    """Anybody reads them: the page asks before it knows whether it may show anything."""

    access: ClassVar[Literal["admin", "guest", "none"]] = "guest"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "PATCH":
            self.access = "admin"  # type: ignore[misc]  # of this one request
        super().initial(request, *args, **kwargs)

    @described("How traffic is counted, and whether guests see it", answer=traffic.SettingsShape)
    def get(self, _: Request) -> Response:
        return Response(traffic.settings_shape(settings_of(self.workspace)))

    @described(
        "Change some of it; nothing that was counted is lost by it",
        body=SettingsBody,
        status=204,
        also={400: "`no_fields`, `invalid_fields`, `invalid_request`", 401: "`unauthorized`"},
    )
    @transaction.atomic
    def patch(self, _: Request) -> Response:
        sent = self.body(SettingsBody).sent
        if not sent:
            raise DashError("no_fields", "Say what to change.")
        try:
            change_settings(workspace=self.workspace, fields=traffic.fields_of(sent))
        except (InvalidInputError, CycleFaultError) as error:
            raise DashError("invalid_fields", error.message or "That cannot be.") from error
        self.audit("traffic.settings", "traffic", sent)
        return done()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose traffic is asked for: a node (None: one that is not there), its interface, and the settings in force."""

    number: int
    node: Node | None
    iface: str
    settings: Settings

    @property
    def question(self) -> dict[str, Any]:
        """How selectors are asked. NotFoundError in billing mode where the node is not there."""
        if self.node is None and self.settings.usage == Settings.Usage.BILLING:
            raise NotFoundError("There is no such node.")
        return {
            "workspace": self.settings.workspace,
            "ref": NOBODY if self.node is None else self.node.ref,
            "choice": self.choice,
            "iface": self.iface,
        }

    @property
    def choice(self) -> NodeChoice:
        return NodeChoice() if self.node is None else choice_of(self.node)


class TrafficView(DashView):
    access = "guest"

    def wanted(self, request: Request, *, of_an_iface: bool = True) -> Wanted:
        """Parameters first, then whether the caller may."""
        query = request.query_params
        settings, number = settings_of(self.workspace), asked.server_id(query)
        iface = asked.text(query, "iface", longest=LONGEST_NAME) if of_an_iface else ""
        if iface.lower() == "all":
            raise InvalidRequestError("iface must name one interface.")
        opened = self.is_admin or settings.guests_by_node
        self.look_at(request)
        node = asked.node_for(self.workspace, number, is_admin=self.is_admin, opened=opened)
        return Wanted(number, node, iface, settings)

    def look_at(self, request: Request) -> None:
        """Check what else was asked, before anybody is refused."""

    def period(self, request: Request) -> Any:
        return asked.one_of(request.query_params, "period", PERIODS, default="current")


class IfacesView(TrafficView):
    @described("Every interface a node ever reported", answer=list[IfaceRow], query=(SERVER,), also=REFUSED)
    def get(self, request: Request) -> Response:
        node = self.wanted(request, of_an_iface=False).node
        names = [] if node is None else selectors.ifaces(workspace_id=node.workspace_id, ref=node.ref)
        return Response([IfaceRow(name) for name in names])


class SummaryView(TrafficView):
    @described(
        "One cycle of one interface; 200 also where nothing is known of it",
        answer=traffic.SummaryShape,
        query=(SERVER, IFACE, PERIOD),
        also={**REFUSED, 404: "`not_found`: no such node, in billing mode."},
    )
    def get(self, request: Request) -> Response:
        wanted = self.wanted(request)
        found = selectors.summary(**wanted.question, now=self.now, period=self.period(request))
        name = "" if wanted.node is None else wanted.node.name
        return Response(traffic.summary_shape(found, server=wanted.number, iface=wanted.iface, name=name))

    def look_at(self, request: Request) -> None:
        self.period(request)


class DailyView(TrafficView):
    @described(
        "The local days of one cycle, oldest first",
        answer=DailyAnswer,
        query=(SERVER, IFACE, PERIOD),
        also={**REFUSED, 404: "`not_found`", 409: "`traffic_daily_requires_billing`"},
    )
    def get(self, request: Request) -> Response:
        wanted = self.wanted(request)
        days = selectors.daily(**wanted.question, now=self.now, period=self.period(request))
        terms = terms_under(wanted.settings, wanted.choice)
        shapes = [traffic.day_shape(day, terms, server=wanted.number, iface=wanted.iface) for day in days]
        return Response(DailyAnswer(shapes))

    def look_at(self, request: Request) -> None:
        self.period(request)


class MonthlyView(TrafficView):
    @described(
        "Cycles with any data, newest first",
        answer=MonthlyAnswer,
        query=(
            SERVER,
            IFACE,
            PERIOD,
            OpenApiParameter("months", int, default=USUAL_MONTHS, description="1 to 24; more is taken as 24"),
        ),
        also={**REFUSED, 404: "`not_found`: no such node, in billing mode."},
    )
    def get(self, request: Request) -> Response:
        wanted, period = self.wanted(request), self.period(request)
        found = selectors.monthly(**wanted.question, now=self.now, period=period, months=self._months(request))
        shapes = [traffic.summary_shape(each, server=wanted.number, iface=wanted.iface) for each in found]
        return Response(MonthlyAnswer(period == "current", shapes))

    def look_at(self, request: Request) -> None:
        self.period(request)
        self._months(request)

    @staticmethod
    def _months(request: Request) -> int:
        found = asked.whole(request.query_params, "months", least=1, most=selectors.MOST_MONTHS, default=USUAL_MONTHS)
        return USUAL_MONTHS if found is None else found
