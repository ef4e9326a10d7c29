"""One run of a command: configuration, policy, connections and the operator's key, each made when first needed."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from custody import crypto, statements
from custody.api.v1 import admin_pb2, common_pb2
from custody.cli import sshsig
from custody.cli.authority import follow_governance, load_policy
from custody.cli.config import CliConfig, find
from custody.cli.connection import ServerLink, SignerConnection, credentials_of
from custody.cli.memory import Memory
from custody.cli.output import Output
from custody.crypto import Scheme
from custody.errors import ConfigError, NotFound
from custody.model.governance import Governance
from custody.model.policy import Operator, Policy
from custody.model.quorum import SignedApproval, verify_operator_signature
from custody.statements import SignedType

__all__ = ["Session"]


class Session:
    """What the commands share. Use as a context manager: connections end with it."""

    def __init__(self, config_path: Path | None, output: Output) -> None:
        self.out = output
        self._config_path = config_path
        self._server: ServerLink | None = None
        self._signers: list[SignerConnection] = []

    @cached_property
    def config(self) -> CliConfig:
        """cli.toml."""
        return CliConfig.load(find(self._config_path))

    @cached_property
    def policy(self) -> Policy:
        """The pinned policy: where every name, address, symbol and number of decimals comes from."""
        return load_policy(self.config.deployment)

    @property
    def deployment(self) -> bytes:
        """32 bytes, bound into every signature."""
        return self.config.deployment.genesis_hash

    @cached_property
    def memory(self) -> Memory:
        """The state file."""
        return Memory(self.config.state_file, self.deployment)

    @cached_property
    def operator(self) -> Operator:
        """Who runs this. Raises ConfigError when the policy does not know them."""
        try:
            return self.policy.operator(self.config.operator)
        except NotFound:
            raise ConfigError("operator", f"{self.config.operator} is no operator of the policy") from None

    @property
    def server(self) -> ServerLink:
        """The server."""
        if self._server is None:
            self._server = ServerLink(self.config, credentials_of(self.config))
        return self._server

    @property
    def signers(self) -> list[SignerConnection]:
        """Every signer that the configuration names."""
        if not self._signers:
            credentials = credentials_of(self.config)
            self._signers = [SignerConnection(link, credentials) for link in self.config.signers]
        return self._signers

    @property
    def unlisted_signers(self) -> list[str]:
        """Signers of the policy that cli.toml does not list: a halt would not reach them from here."""
        listed = {link.id for link in self.config.signers}
        return [signer.id for signer in self.policy.signers if signer.id not in listed]

    def governance(self, needed: int = 1) -> Governance:
        """The governance head that this machine believes, proven as far as `needed` or as was seen before."""
        return follow_governance(self.policy, self.memory, self.server, needed)

    def newest_governance(self) -> Governance:
        """The head to make a new statement at: as new as the server says, and proven."""
        told = self.server.read(self.server.admin.Status, admin_pb2.StatusRequest()).governance_sequence
        return self.governance(told)

    def now_ms(self) -> int:
        """This machine's clock."""
        return time.time_ns() // 1_000_000

    def sign(self, signed_type: SignedType, body: bytes, key: Path | None, agent: bool) -> SignedApproval:
        """The operator's signature over a body, verified before it leaves. Raises ConfigError, Denied."""
        operator = self.operator
        enrolled = [k.public for k in operator.keys if k.scheme is Scheme.SSHSIG]
        if not enrolled:
            raise ConfigError("operator", f"{operator.id} has no SSH key in the policy")
        chosen = key or (None if agent else self.config.ssh_key)
        message = statements.signed_message(signed_type, self.deployment, body)
        blob = sshsig.sign(statements.signing_input(Scheme.SSHSIG, message), chosen, enrolled)
        key_id = crypto.key_id(Scheme.SSHSIG, sshsig.public_key_of(blob))
        known = [k.key_id for k in operator.keys]
        if key_id not in known:
            raise ConfigError(
                "key", f"{key_id} is no key of {operator.id}, whose keys are {', '.join(known)}"
            )
        signature = SignedApproval(operator.id, key_id, blob)
        verify_operator_signature(self.policy, self.deployment, signed_type, body, signature)
        return signature

    def key_signature(
        self, signed_type: SignedType, body: bytes, key: Path | None, agent: bool
    ) -> common_pb2.KeySignature:
        """The same, as most calls carry it."""
        signature = self.sign(signed_type, body, key, agent)
        return common_pb2.KeySignature(key_id=signature.key_id, signature=signature.signature)

    def close(self) -> None:
        """End the connections."""
        if self._server is not None:
            self._server.close()
        for signer in self._signers:
            signer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
