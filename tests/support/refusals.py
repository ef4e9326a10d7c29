"""How a call that must fail was refused, and how a withdrawal is asked for."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from custody.api.v1 import withdrawal_pb2 as pb


def refusal(
    call: Any, *arguments: Any, **options: Any
) -> tuple[grpc.StatusCode, str, dict[str, str], list[str]]:
    """Code, reason, metadata and the violated fields of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        answer = call(*arguments, **({"timeout": 10} | options))
        if hasattr(answer, "__next__"):
            next(answer)
    error: Any = caught.value
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
                detail.Unpack(bad)
    assert info.domain in ("", "custody")
    return error.code(), info.reason, dict(info.metadata), [v.field for v in bad.field_violations]


def key_of(withdrawal_id: str = "", reference: str = "", initiator: str = "", attempt: int = 0) -> Any:
    key = pb.WithdrawalKey(
        withdrawal_id=withdrawal_id, reference=reference, initiator=initiator, attempt=attempt
    )
    return pb.GetWithdrawalRequest(key=key)
