"""Workspaces to put nodes into, and a node."""

import pytest

from apps.nodes.models import Node
from apps.nodes.services import create_node
from apps.workspaces.models import Workspace
from tests import factories


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


@pytest.fixture
def stranger(db: None) -> Workspace:
    return factories.make_workspace()


@pytest.fixture
def node(workspace: Workspace) -> Node:
    return make_node(workspace)


def make_node(workspace: Workspace, name: str = "web", **fields) -> Node:
    return create_node(workspace=workspace, name=name, actor="ana", now=factories.NOW, **fields)
