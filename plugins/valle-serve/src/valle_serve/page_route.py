"""The page: plain files of this package, with rules that let them load nothing from elsewhere."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/audio.js": ("audio.js", "text/javascript; charset=utf-8"),
    "/favicon.ico": ("favicon.svg", "image/svg+xml"),
}
"""Path → file and type; nothing else is read."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_route() -> APIRouter:
    """A route for each file."""
    router = APIRouter(include_in_schema=False)
    for path, (name, media) in FILES.items():
        router.add_api_route(path, _answer(name, media), methods=["GET"], response_class=Response)
    return router


def _answer(name: str, media: str):
    content = files("valle_serve").joinpath("page", name).read_bytes()

    async def answer() -> Response:
        return Response(content, media_type=media, headers=_HEADERS)

    return answer
