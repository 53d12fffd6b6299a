"""Requests made of the server's own description, and broken ones: no answer that it does not name, and no crash."""

from __future__ import annotations

from contextlib import suppress

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="pip install 'valle-serve[test]'")


@pytest.mark.slow
def test_requests_of_its_own_description_get_only_the_answers_it_names(tones):
    fuzzed(tones, 60)


def fuzzed(tones, examples: int) -> None:
    """Call every operation with so many made-up requests of each kind."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable
    from valle_serve.app import Limits, make_app

    schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(tones, Limits(most_bytes=100_000)))
    quick = settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    seen = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @quick
            @given(case=operation.as_strategy(generation_mode=mode))
            def call(case):
                nonlocal seen
                seen += 1
                answer = case.call()
                assert answer.status_code < 500 or answer.status_code == 503
                case.validate_response(answer, checks=[
                    schemathesis.checks.not_a_server_error,
                    schemathesis.checks.status_code_conformance,
                    schemathesis.checks.content_type_conformance,
                ])  # fmt: skip

            with suppress(Unsatisfiable):  # nothing can be wrong with what takes nothing
                call()
    assert seen > 10
