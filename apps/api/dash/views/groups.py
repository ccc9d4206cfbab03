"""Groups of nodes (contract Dash 7.1)."""

from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.errors import DashError
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done, path_id
from apps.common.errors import InvalidInputError
from apps.nodes import selectors, services
from apps.nodes.models import NodeGroup


class GroupBody(Strict):
    name: Maybe[str] = None
    remark: Maybe[str] = None


class GroupRow(Struct):
    id: int
    name: str
    remark: str
    server_count: int


class GroupsView(DashView):
    @described("Every group with the number of its live nodes", answer=list[GroupRow])
    def get(self, _: Request) -> Response:
        groups = selectors.groups_of(self.workspace)
        members = selectors.members_of(groups)
        return Response([GroupRow(each.number, each.name, each.remark, len(members[each.pk])) for each in groups])

    @described("A new group", body=GroupBody, status=204, also={400: "`invalid_name`, `invalid_remark`"})
    def post(self, _: Request) -> Response:
        body = self.body(GroupBody)
        try:
            services.create_group(
                workspace=self.workspace,
                name=said(body.name) or "",
                remark=said(body.remark) or "",
                actor=self.actor.label,
                now=self.now,
            )
        except InvalidInputError as error:
            raise DashError(f"invalid_{next(iter(error.fields))}", error.message) from error
        return done()


class GroupMapView(DashView):
    @described("Names by id", answer=dict[str, str])
    def get(self, _: Request) -> Response:
        return Response({str(each.number): each.name for each in selectors.groups_of(self.workspace)})


class GroupView(DashView):
    @described(
        "Another name or remark",
        body=GroupBody,
        status=204,
        also={400: "`invalid_id`, `no_fields`, `invalid_fields`", 404: "`not_found`"},
    )
    def patch(self, _: Request, number: str) -> Response:
        wanted = path_id(number)
        body = self.body(GroupBody)
        name, remark = said(body.name), said(body.remark)
        if name is None and remark is None:
            raise DashError("no_fields", "Say what to change.")
        try:
            services.check_group(name=name, remark=remark)
        except InvalidInputError as error:
            raise DashError("invalid_fields", error.message) from error
        services.update_group(group=self._group(wanted), name=name, remark=remark, actor=self.actor.label, now=self.now)
        return done()

    @described(
        "Take a group away; its nodes stay",
        status=204,
        also={400: "`invalid_id`", 404: "`not_found`", 409: "`default_group_not_deletable`"},
    )
    def delete(self, _: Request, number: str) -> Response:
        services.delete_group(group=self._group(path_id(number)), actor=self.actor.label, now=self.now)
        return done()

    def _group(self, number: int) -> NodeGroup:
        return selectors.group_by_number(self.workspace, number)
