"""The endpoint: what no rule raised is answered, and what must not be stops the process."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor

from custody.api.v1 import admin_pb2
from custody.rpc.endpoint import Call, Endpoint
from custody.server.access import METHODS

_SERVICE: ServiceDescriptor = admin_pb2.DESCRIPTOR.services_by_name["AdminService"]


class _Aborted(Exception):
    pass


class _Context:
    """Of a call by an operator."""

    def __init__(self) -> None:
        self.code: grpc.StatusCode | None = None

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": [b"spiffe://custody/operator/ada"]}

    def is_active(self) -> bool:
        return True

    def set_trailing_metadata(self, trailing: Any) -> None:
        pass

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.code = code
        raise _Aborted


class _Panic(BaseException):
    """As PyO3's, which is no Exception."""


@pytest.mark.parametrize(
    ("error", "stops"), [(_Panic("index out of bounds"), True), (ValueError("a slip"), False)]
)
def test_a_panic_is_answered_and_stops_the_process(error: BaseException, stops: bool) -> None:
    class Admin:
        def WhoAmI(self, request: admin_pb2.WhoAmIRequest, call: Call) -> admin_pb2.WhoAmIResponse:
            raise error

    stopped: list[BaseException] = []
    endpoint = Endpoint(METHODS, 2, stopped.append)
    context: Any = _Context()
    made: Any = endpoint.handler(_SERVICE, Admin())

    class Details:
        method = "/custody.api.v1.AdminService/WhoAmI"
        invocation_metadata = ()

    with pytest.raises(_Aborted):
        made.service(Details()).unary_unary(admin_pb2.WhoAmIRequest(), context)
    assert context.code is grpc.StatusCode.INTERNAL
    assert stopped == ([error] if stops else [])
