"""Refusals as OpenAI's API writes them, so that its clients show the reason."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from valle_core.api import UserError
from valle_serve.dialect import RANGES
from valle_serve.interface import Busy, UnknownVoice

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 503: "server_error"}

_EXPECTED = {"float": "a number", "int": "an integer", "string": "a text", "list": "a list"}
"""By the first word of pydantic's name of an error."""


class Refused(Exception):
    """A request that is not answered; `status` is HTTP's."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


def refusal(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer that says why."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status_code=status, headers=dict(headers or {}))


def answer_to(error: Exception) -> JSONResponse:
    """The refusal for anything that was raised; what was not meant for the user is not told."""
    if isinstance(error, Refused):
        return refusal(error.status, str(error), param=error.param, code=error.code)
    if isinstance(error, Busy):
        return refusal(503, str(error), code="busy", headers={"Retry-After": str(error.seconds)})
    if isinstance(error, UnknownVoice):
        return refusal(404, str(error), param="voice", code="voice_not_found")
    if isinstance(error, UserError):
        return refusal(400, str(error))
    return refusal(500, "the server failed; its log says more")


def told_by_validation(errors: list[Any]) -> tuple[str, str]:
    """One line, in the words of `valle`'s own refusals, and the field it is about."""
    first = errors[0]
    if first.get("type") == "json_invalid":
        return "the body is not JSON", ""
    place = next((str(part) for part in first.get("loc", ()) if part != "body"), "")
    return (_told(place, first) if place else "the body is not a JSON object"), place


def _told(place: str, error: Mapping[str, Any]) -> str:
    kind, given, limits = str(error.get("type")), error.get("input"), error.get("ctx", {})
    got = f"got {reprlib.repr(given)}"
    if place in RANGES and kind in ("greater_than_equal", "less_than_equal", "finite_number"):
        least, most = RANGES[place]
        return f"{place} must be in [{least}, {most}], {got}"
    if kind == "missing":
        return f"{place} is missing"
    if kind == "string_too_short":
        return f"{place} is empty"
    if kind in ("string_too_long", "too_long"):
        many = "characters" if isinstance(given, str) else "items"
        return f"{place} must have at most {limits['max_length']} {many}, got {len(given or ())}"
    if kind == "literal_error":
        choices = str(limits["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{place}: expected one of {choices}, {got}"
    if place == "voice":
        return f'voice: expected a name or {{"id": name}}, {got}'
    expected = _EXPECTED.get(kind.partition("_")[0])
    if expected and kind != "value_error":
        return f"{place}: expected {expected}, {got}"
    return f"{place}: {str(error.get('msg', 'not valid')).removeprefix('Value error, ')}"


def tell_errors(app: FastAPI) -> None:
    """Let the app answer every error in this form."""

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        message, place = told_by_validation(list(error.errors()))
        return refusal(400, message, param=place or None)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return refusal(error.status_code, str(error.detail), headers=error.headers)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        return answer_to(error)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    for kind in (Refused, Busy, UnknownVoice, UserError, Exception):
        app.add_exception_handler(kind, ours)
