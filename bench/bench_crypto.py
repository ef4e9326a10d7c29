"""How many signatures a second `Keyring.verify_batch` verifies, called from Python, against the libraries Python has.

Five enrolled keys, distinct messages of 200 bytes (ethereum: digests), hashing and parsing included on both sides. A
peer runs in one thread, message by message, as its interface has it; threads=2 also gets a row against threads=1.
Then: what invalid signatures cost, what enrolment costs, and how the speed falls as the tables leave the caches.

Ethereum keys are enrolled as public keys (an address verifies by recovery until it has signed once), and invalid means
a bit of s flipped. What the costliest signatures do to a batch stands in rust/crypto/README.md.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

import peers.verifiers as peer  # noqa: E402
from crypto_work import Item, Signer, Work, der, signer  # noqa: E402
from custody import crypto  # noqa: E402
from custody.crypto import Keyring, Scheme, Verdict  # noqa: E402
from table import Row, every_round, show  # noqa: E402

ROUNDS = 9
SIZES = (1, 16, 64, 256, 1024, 4096)
THREADS = (1, 2)
KEYS = 5
# Keys enrolled at once: from tables that stay in L2 to tables that stay in no cache.
MANY_KEYS = (5, 50, 200, 500)
# Of which the speed with many keys is shown: one per engine.
ENGINES = (Scheme.ECDSA_SECP256K1_SHA256, Scheme.ED25519)
INVALID = (1, 50)
# A shorter measurement is mostly the clock's and the scheduler's.
SHORTEST_SECONDS = 0.004
PEER_ITEMS = 256
ENROLLED = 32
UNIT = "verifications/s"

Case = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Line:
    """A row to be: its case, and the case it is held against (under what name)."""

    case: str
    against: str = ""
    named: str = ""


def main() -> None:
    """Run everything in the same rounds, and print."""
    # First: memory that was used and freed before would hide what the tables take.
    held: list[Keyring] = []
    enrolment = [row for scheme in Scheme for row in _enrolment(scheme, held)]
    held.clear()
    cases: dict[str, Case] = {}
    lines: list[Line] = []
    backends = _backends()
    for scheme in Scheme:
        work = Work(scheme, keys=KEYS, items=max(SIZES))
        named = _peers(work, cases)
        _sizes(work, backends, cases, lines, named)
        _invalid(work, backends, cases, lines)
    for scheme in ENGINES:
        _many_keys(scheme, backends[-1], cases, lines)
    measured = every_round(cases, rounds=ROUNDS)
    show("Signatures verified, from Python", [_row(line, measured) for line in lines] + enrolment)


def _backends() -> list[str]:
    """Return the names of what this processor has, the quickest last."""
    quickest = Keyring(backend="auto").backend
    return ["portable"] if quickest == "portable" else ["portable", quickest]


def _row(line: Line, measured: dict[str, list[float]]) -> Row:
    ours, theirs = measured[line.case], measured.get(line.against)
    return Row(
        line.case,
        UNIT,
        statistics.median(ours),
        line.named or None,
        statistics.median(theirs) if theirs else None,
        min(ours),
    )


def _sizes(
    work: Work, backends: Sequence[str], cases: dict[str, Case], lines: list[Line], named: dict[str, str]
) -> None:
    for backend, size, threads in itertools.product(backends, SIZES, THREADS):
        case = f"{work.scheme}/n={size}/threads={threads}/backend={backend}"
        cases[case] = _ours(work.ring(backend), work.items, size, threads)
        lines += [Line(case, against, name) for against, name in named.items()] or [Line(case)]
        if threads > 1:
            lines.append(Line(case, case.replace(f"threads={threads}", "threads=1"), "threads=1"))


def _invalid(work: Work, backends: Sequence[str], cases: dict[str, Case], lines: list[Line]) -> None:
    for backend, hundredths in itertools.product(backends, INVALID):
        valid = f"{work.scheme}/n=1024/threads=1/backend={backend}"
        items = work.spoilt(hundredths)
        cases[f"{valid}/invalid={hundredths}%"] = _ours(work.ring(backend), items, 1024, 1, hundredths)
        lines.append(Line(f"{valid}/invalid={hundredths}%", valid, "invalid=0%"))


def _many_keys(scheme: Scheme, backend: str, cases: dict[str, Case], lines: list[Line]) -> None:
    few = f"{scheme}/n=4096/threads=1/backend={backend}"
    for keys in MANY_KEYS:
        work = Work(scheme, keys=keys, items=4096)
        case = f"{few}/keys={keys}"
        cases[case] = _ours(work.ring(backend), work.items, 4096, 1)
        lines.append(Line(case, f"{few}/keys={MANY_KEYS[0]}", f"keys={MANY_KEYS[0]}"))


def _ours(ring: Keyring, items: Sequence[Item], size: int, threads: int, hundredths: int = 0) -> Case:
    """Return a case: batches of `size`, one after another over the items, until it has taken long enough."""
    batches = [list(items[start : start + size]) for start in range(0, len(items), size)]
    invalid = sum(
        verdict is not Verdict.VALID for batch in batches for verdict in ring.verify_batch(batch, threads)
    )
    if invalid != len(items) * hundredths // 100:
        raise SystemExit(f"{invalid} invalid of {len(items)}: the number would mean nothing")
    endless = itertools.cycle(batches)

    def run() -> float:
        done, started = 0, time.perf_counter()
        while (seconds := time.perf_counter() - started) < SHORTEST_SECONDS:
            ring.verify_batch(next(endless), threads)
            done += size
        return done / seconds

    return run


def _peers(work: Work, cases: dict[str, Case]) -> dict[str, str]:
    """Add what Python has for the scheme; return the added cases with their libraries' names."""
    found = {}
    for name, make, items in _libraries(work):
        case = f"{work.scheme} by {name}"
        cases[case] = _theirs(work.signers, make, items)
        found[case] = name
    return found


def _libraries(work: Work) -> list[tuple[str, Callable[[bytes], peer.Verify], Sequence[Item]]]:
    items = work.items[:PEER_ITEMS]
    match work.scheme:
        case Scheme.ECDSA_SECP256K1_SHA256:
            return [("coincurve", peer.coincurve_ecdsa, der(items))]
        case Scheme.BIP340:
            return [("coincurve", peer.coincurve_bip340, items)]
        case Scheme.ETHEREUM:
            return [("eth-keys on coincurve", peer.eth_keys, items)]
        case Scheme.ED25519:
            return [
                ("PyNaCl", peer.nacl_ed25519, items),
                ("cryptography", peer.cryptography_ed25519, items),
            ]
        case Scheme.ECDSA_P256_SHA256:
            return [
                ("cryptography", peer.p256_fixed, items),
                ("cryptography, DER given", peer.cryptography_p256, der(items)),
            ]
        case Scheme.SSHSIG:
            return []


def _theirs(signers: Sequence[Signer], make: Callable[[bytes], peer.Verify], items: Sequence[Item]) -> Case:
    keys = {each.key_id: make(each.public_key) for each in signers}
    endless = itertools.cycle(items)
    if not all(keys[key_id](message, signature) for key_id, message, signature in items):
        raise SystemExit("a peer refuses what is valid: the number would mean nothing")

    def run() -> float:
        started = time.perf_counter()
        for key_id, message, signature in itertools.islice(endless, PEER_ITEMS):
            keys[key_id](message, signature)
        return PEER_ITEMS / (time.perf_counter() - started)

    return run


def _enrolment(scheme: Scheme, held: list[Keyring]) -> list[Row]:
    """Measure new keys, one after another: the time of each, and the memory of all."""
    chance = random.Random(f"{scheme} enrolment")
    signers = [signer(scheme, chance) for _ in range(ENROLLED)]
    ring, times = Keyring(), []
    held.append(ring)
    # What verifies on tables builds those of the base point once.
    ring.enrol("first", scheme, signer(scheme, chance).public_key)
    before = _resident()
    for each in signers:
        started = time.perf_counter()
        ring.enrol(each.key_id, scheme, each.public_key)
        times.append((time.perf_counter() - started) * 1000)
    case = f"{scheme}/enrolment"
    rows = [Row(case, "ms/key", statistics.median(times), worst=max(times))]
    if before:
        rows.append(Row(case, "KiB/key", (_resident() - before) / 1024 / ENROLLED))
    return rows


def _resident() -> int:
    """Return this process's memory in bytes; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * 4096


if __name__ == "__main__":
    # A word that is no backend is refused before minutes are spent.
    crypto.backend()
    main()
