"""The audit event: one shape, one canonical form and one hash chain for the web app and for the agents.

    hash(n) = SHA-256( canonical(event n, which holds hash(n-1)) )        hash(0) = 64 zeros

The canonical form is a JSON array in the order of ``AuditEvent``'s fields, without spaces, the facts' keys sorted: what
an export holds can be checked with nothing but this file's rules (docs/audit.md writes them out). Signing is left to
both ends, because this package knows no cryptography: ``checkpoint_bytes`` are the bytes that are signed.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from relay_bridge.contract.refusals import TOKEN_REFUSALS

FORMAT = "sightline-audit-1"
CHECKPOINT_FORMAT = "sightline-checkpoint-1"
NO_HASH = "0" * 64  # what the first event of a chain follows
WEB_CHAIN = "web"  # the web app's chain; an agent's is "site:" and the site's id

MAX_FACTS = 12  # facts of one event
MAX_FACT = 300  # characters of one fact
MAX_REASON = 300
MAX_NAME = 150  # characters of a username, a site's name, a thing's name
MAX_SOURCE = 64  # characters of an address
MAX_REQUEST_ID = 40

Result = Literal["done", "refused", "failed"]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
TAG_PATTERN = r"^[a-z]+(?:-[a-z0-9]+)*(?::[a-z]+(?:-[a-z0-9]+)*){2}\Z"


class Tag(NamedTuple):
    """What a tag means, in words for the auditor, and the only facts that its events may carry."""

    meaning: str
    facts: frozenset[str] = frozenset()


def tag(meaning: str, *facts: str) -> Tag:
    return Tag(meaning, frozenset(facts))


def refusal_tag(code: str) -> str:
    """The tag of a refused site token; ``code`` is a key of ``TOKEN_REFUSALS``."""
    return f"token:{code}:refused"


# What can become of an entry, and of an action before and after the source is touched. Their fact ``action`` is the
# digest of the action's key, ``begun`` the event that it began with.
ACTION_WORDS: dict[str, str] = {
    "opened": "is open: the source says nothing against its limits",
    "closed": "is closed: the source contradicts its entry in the configuration, or could not be asked",
    "begun": "passed all checks that need no source; it is about to be tried",
    "done": "was carried out and reads back as wished",
    "sent": "was taken by the source and reads otherwise",
    "refused": "was refused; nothing was changed",
    "repeated": "was asked for again under the same key, and was not done again",
    "unknown": "was tried and nobody knows whether it had its effect",
}
ACTION_FACTS = (
    "value", "expected", "unit", "before", "after", "code", "status", "action", "begun", "min", "max",
)  # fmt: skip
# The closed list of what an agent writes into its journal. The web app's own: accounts/audit/tags.py.
AGENT_TAGS: dict[str, Tag] = {
    "agent:alarm:answered": tag(
        "Alarms were acknowledged, confirmed or shelved, or not: what the source made of it.",
        "what",
        "outcome",
        "count",
        "alarms",
        "alarms_2",
        "alarms_3",
        "alarms_4",
    ),
    "agent:alarm:asked": tag(
        "Somebody asked to acknowledge, confirm or shelve alarms; the source is asked next.",
        "what",
        "count",
        "alarms",
        "alarms_2",
        "alarms_3",
        "alarms_4",
    ),
    "agent:config:loaded": tag("The agent started with this configuration.", "version", "sources", "tags", "hash"),
    "agent:journal:damaged": tag("The end of the journal was missing when the agent started.", "seq"),
    "agent:journal:overflowed": tag("More happened than the journal takes; this many events were left out.", "count"),
    "agent:keys:refused": tag("New issuer keys were presented and refused."),
    "agent:keys:renewed": tag("The issuer's keys were renewed.", "sequence", "kid"),
    "agent:lease:ended": tag("A presented site token ran out or was withdrawn; its streams ended."),
    "agent:mode:changed": tag("The switch at the plant stands at another mode.", "mode", "before"),
    "agent:session:ended": tag("A sealed session ended."),
    "agent:session:opened": tag("The web app opened a sealed session.", "thumbprint"),
    "agent:session:refused": tag("Streams did not prove to be the web app; nothing was said to them.", "count"),
    "audit:counterpart:contradicted": tag("What the other side keeps of this chain contradicts it.", "seq", "hash"),
    "audit:counterpart:key-changed": tag("The other side signs its checkpoints with another key.", "kid", "before_kid"),
    **{
        f"agent:{kind}:{word}": tag(f"{what} {meaning}.", *ACTION_FACTS)
        for kind, what in (("write", "A write"), ("command", "A command"))
        for word, meaning in ACTION_WORDS.items()
    },
    # Each way to be refused has a tag of its own, so that a copied token can be told from an expired one.
    **{f"token:{code}:refused": tag(f"A site token was refused: {words}.") for code, words in TOKEN_REFUSALS.items()},
}


class AuditEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that happened. All of it is text that a person may read; none of it is ever a secret.

    ``at``: milliseconds since the Unix epoch, UTC. ``actor``: the person's subject (a UUID), empty for programs;
    ``username`` as it was then. ``subject``: what it happened to. ``source``: the address it came from. ``previous``:
    the hash of the event before, ``NO_HASH`` for the first.
    """

    chain: Name
    seq: Annotated[int, Meta(ge=1, le=2**53)]
    at: Annotated[int, Meta(ge=0, le=2**53)]
    tag: Annotated[str, Meta(max_length=80, pattern=TAG_PATTERN)]
    result: Result
    actor: Annotated[str, Meta(max_length=36)]
    username: Name
    site_id: Annotated[str, Meta(max_length=36)]
    site: Name
    subject: Name
    reason: Annotated[str, Meta(max_length=MAX_REASON)]
    source: Annotated[str, Meta(max_length=MAX_SOURCE)]
    request_id: Annotated[str, Meta(max_length=MAX_REQUEST_ID)]
    facts: Annotated[
        dict[Annotated[str, Meta(max_length=40)], Annotated[str, Meta(max_length=MAX_FACT)]], Meta(max_length=MAX_FACTS)
    ]
    previous: Hash
    hash: Hash = NO_HASH


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a chain stood and when, signed by its owner. ``key`` and ``sig``: Ed25519, base64url without padding."""

    chain: Name
    seq: Annotated[int, Meta(ge=0, le=2**53)]
    hash: Hash
    at: Annotated[int, Meta(ge=0, le=2**53)]
    key: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
    sig: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{86}\Z")]


_encoder = msgspec.json.Encoder(order="deterministic")


def facts_text(facts: dict[str, str]) -> str:
    """The facts as they are stored and hashed: a JSON object without spaces, its keys sorted."""
    return _encoder.encode(facts).decode()


def event_hash(  # noqa: PLR0917 - a million calls with a row's columns
    chain: str, seq: int, at: int, tag: str, result: str, actor: str, username: str, site_id: str, site: str,
    subject: str, reason: str, source: str, request_id: str, facts: str, previous: str,
) -> str:  # fmt: skip
    """The hash of an event given by its stored values (``facts`` as ``facts_text`` made it): 64 hexadecimal digits.

    A function of plain values, because a million rows are checked with it in one go.
    """
    values = (
        FORMAT, chain, seq, at, tag, result, actor, username, site_id, site, subject, reason, source, request_id,
        msgspec.Raw(facts.encode("utf-8", "surrogatepass")), previous,
    )  # fmt: skip
    return hashlib.sha256(_encoder.encode(values)).hexdigest()


def hash_of(event: AuditEvent) -> str:
    """The hash that ``event`` must carry; its own ``hash`` field is not looked at."""
    values = {name: getattr(event, name) for name in AuditEvent.__struct_fields__ if name not in {"facts", "hash"}}
    return event_hash(**values, facts=facts_text(event.facts))


def checkpoint_bytes(chain: str, seq: int, hash_: str, at: int, key: str) -> bytes:
    """What is signed: the chain named ``chain`` had the event ``seq`` with this hash at ``at`` (epoch ms)."""
    return _encoder.encode((CHECKPOINT_FORMAT, chain, seq, hash_, at, key))


# --- nothing secret ---------------------------------------------------------------------------------------------------

# A key, token, cookie or signature in any of the forms this project meets: JWTs, SAS, PEM; 32 letters and digits in one
# run (session keys, hexadecimal); 40 of base64's characters in both cases with a digit. Names, slugs, dashed UUIDs and
# sentences do not look like that.
_SECRETS = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]*|SharedAccess(?:Signature|Key)\b\s*[=\s]\S+|PRIVATE KEY|\bsig=\S{8,}"
    r"|(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{32,}"
    r"|(?=[A-Za-z+/_=-]*[0-9])(?=[a-z0-9+/_=-]*[A-Z])(?=[A-Z0-9+/_=-]*[a-z])[A-Za-z0-9+/_=-]{40,}"
)
# Facts that are digests by name: public, and the very thing an auditor compares.
DIGEST_FACTS = frozenset({"hash", "thumbprint", "kid", "before_kid", "file_hash"})
REMOVED = "[removed: looked like a key]"


def looks_secret(text: str) -> bool:
    return _SECRETS.search(text) is not None


def without_secrets(text: str) -> str:
    """``text`` with everything that looks like a key or token taken out: for what people type."""
    return _SECRETS.sub(REMOVED, text)


def check_facts(tag: str, known: Tag, facts: dict[str, str]) -> dict[str, str]:
    """The facts, each cut to its bound; ``ValueError`` for one that the tag does not list or that looks secret."""
    unknown = sorted(facts.keys() - known.facts)
    if unknown:
        raise ValueError(f"{tag} carries no fact {unknown[0]!r}; its list is in the table of tags.")
    if len(facts) > MAX_FACTS:
        raise ValueError(f"{tag} carries {len(facts)} facts; {MAX_FACTS} is the limit.")
    for key, value in facts.items():
        if key not in DIGEST_FACTS and looks_secret(value):
            raise ValueError(f"The fact {key!r} of {tag} looks like a key or token and is not stored.")  # not quoted
    return {key: cut(value, MAX_FACT) for key, value in facts.items()}


def cut(text: str, longest: int) -> str:
    """``text`` in at most ``longest`` characters, as one line that any terminal can show."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= longest else line[: longest - 1] + "…"
