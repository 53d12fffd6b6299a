"""What a server tells of itself: models, health, figures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from valle_serve.counting import TYPE, Figures
from valle_serve.dialect import MODELS
from valle_serve.errors import Refused
from valle_serve.interface import Service


def facts_route(service: Service, figures: Figures) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["server"])

    @router.get("/v1/models", operation_id="models")
    async def models() -> dict[str, Any]:
        """The names under which the model is known."""
        return {"object": "list", "data": [described(name) for name in MODELS]}

    @router.get("/v1/models/{name}", operation_id="model", responses={404: {"description": "No such model"}})
    async def model(name: str) -> dict[str, Any]:
        """One of them."""
        if name not in MODELS:
            raise Refused(404, f"there is no model '{name:.80}'", param="model", code="model_not_found")
        return described(name)

    @router.get("/v1/audio/models", operation_id="audio_models")
    async def audio_models() -> dict[str, Any]:
        """The same, where Open WebUI looks for them."""
        return {"models": [{"id": name, "name": name} for name in MODELS]}

    @router.get("/healthz", operation_id="health")
    async def health() -> dict[str, Any]:
        """That it answers, and what it has to do."""
        load = service.load()
        return {"status": "ok", "speaking": load.speaking, "waiting": load.waiting}

    @router.get("/metrics", response_class=Response, operation_id="metrics")
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(figures.text(), media_type=TYPE)

    return router


def described(name: str) -> dict[str, Any]:
    """A model as clients read it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "valle"}
