"""Pure decisions about joining: states, next moves, and which addresses may pair."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from interurban_node.core.addresses import is_public, read_address
from interurban_node.core.errors import RefusedError


class PairState(StrEnum):
    """Where the joining of two nodes stands, seen from this one."""

    WORDS_NEEDED = "words needed"
    WAITING_FOR_PARTNER = "waiting for partner"
    PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class PairView:
    """A state with the owner of the next move and what that move is."""

    state: PairState
    owner: str  # us, partner, nobody
    next_move: str


_VIEWS = {
    (False, False): PairView(
        PairState.WORDS_NEEDED,
        "us",
        "Call the partner's operator on a number you already had, have them read the words "
        'that their own node shows, and run `partner confirm --words "…"`.',
    ),
    (False, True): PairView(
        PairState.WORDS_NEEDED,
        "us",
        "The partner has confirmed our words. Have them read theirs to you and run "
        '`partner confirm --words "…"`.',
    ),
    (True, False): PairView(
        PairState.WAITING_FOR_PARTNER,
        "partner",
        "Read your own words to the partner's operator (`partner list` shows them).",
    ),
    (True, True): PairView(PairState.PINNED, "nobody", "The two nodes may exchange."),
}


def pair_view(*, confirmed_by_us: bool, confirmed_by_them: bool) -> PairView:
    """The state of a pair, from who has confirmed."""
    return _VIEWS[confirmed_by_us, confirmed_by_them]


def check_pairing(
    *, our_demo: bool, their_demo: bool, origin: str, own_origin: str
) -> None:
    """Refuse to pair a demonstration with a real node, or with an unsafe address.

    Outside demonstrations an address is HTTPS and neither loopback nor private: a partner
    must not be able to make this node call its own network.

    Raises:
        RefusedError: with the reason.
    """
    if origin == own_origin:
        raise RefusedError("a node does not join itself")
    if our_demo != their_demo:
        raise RefusedError(
            "a demonstration node and a real node do not join",
            next_step="Join real nodes with real nodes; start demonstrations with `demo`.",
        )
    loopback = is_loopback(origin)
    if our_demo and not loopback:
        raise RefusedError("demonstration nodes pair on this machine only")
    if not our_demo and not origin.startswith("https://"):
        raise RefusedError("a node's address is HTTPS")
    if not our_demo:
        check_public(origin)


def check_public(origin: str) -> None:
    """Refuse an address that is plainly not on the public network.

    Names are not resolved here: `core.client` does that for every connection. Numbers in
    any of the spellings that resolvers accept (`127.1`, `2130706433`, `0x7f000001`, a dot at
    the end) are refused as such.

    Raises:
        RefusedError: on a private network or this machine, or a number in disguise.
    """
    host = urlsplit(origin).hostname or ""
    address = read_address(host)
    last = host.rpartition(".")[2]
    disguised = address is None and (not last or last[0].isdigit())
    private = address is not None and not is_public(address)
    if disguised or private or is_loopback(origin):
        raise RefusedError("the address is on a private network or this machine")


def is_loopback(origin: str) -> bool:
    """Whether the address names this machine."""
    host = urlsplit(origin).hostname or ""
    address = read_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)
