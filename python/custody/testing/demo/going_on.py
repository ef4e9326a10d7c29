"""What a person who asked to keep the stack is told: where things are, what to try, how to stop it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from custody.testing.stack import CustodyStack

__all__ = ["how_to_go_on"]


def how_to_go_on(stack: CustodyStack) -> str:
    """Text; `stop.sh` and `go-on.txt` are written beside the rest."""
    folder = stack.directory
    pids = [stack.server.pid, *(process.pid for process in stack.signers.values()), stack.chain.process.pid]
    stop = folder / "stop.sh"
    stop.write_text("#!/bin/sh\nkill " + " ".join(str(pid) for pid in pids if pid) + "\n")
    stop.chmod(0o755)
    custody = shlex.quote(str(Path(sys.executable).parent / "custody"))
    place = shlex.quote(str(folder))
    text = f"""
Everything is still running, in {folder}
  client.toml, cli-ada.toml, cli-bo.toml, cli-cy.toml, tls/, keys/, genesis.toml, addresses.json, logs/
Go on, for instance:
  export CUSTODY_CONFIG={place}/cli-ada.toml
  {custody} status
  {custody} inbox
  {custody} balance
  {custody} withdrawal list
  {custody} halt payouts --reason "trying it"
From a backend, in Python ({shlex.quote(sys.executable)}):
  from custody.client import Client
  with Client.from_config("{folder}/client.toml") as client:
      print(client.withdraw(reference="mine-1", asset="{stack.eth}", amount=10**15, address="{_SOMEBODY}"))
With any gRPC client: server {stack.server_address}, reflection is on; certificates
  --cacert {place}/tls/ca.pem --cert {place}/tls/operator-ada.pem --key {place}/tls/operator-ada.key
Stop it:
  sh {place}/stop.sh
"""
    (folder / "go-on.txt").write_text(text.lstrip())
    return text


_SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
