"""Whether the node is alive and ready, for whoever restarts or routes to it."""

import sqlalchemy as sa
from fastapi import APIRouter, Response

from interurban_node.audit.service import check_not_recovering
from interurban_node.core.web import NodeDependency, SessionDependency
from interurban_protocol.encoding import canonical_json

router = APIRouter(prefix="/health")


@router.get("/live")
def live() -> Response:
    """The process answers."""
    return Response(canonical_json({"status": "live"}), media_type="application/json")


@router.get("/ready")
def ready(node: NodeDependency, session: SessionDependency) -> Response:
    """The database answers and nothing waits to be re-applied; else 503 with a problem."""
    session.execute(sa.select(1))
    check_not_recovering(session, node)
    return Response(canonical_json({"status": "ready"}), media_type="application/json")
