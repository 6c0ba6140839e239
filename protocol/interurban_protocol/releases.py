"""Releases: immutable tables with a signed manifest, verifiable by anyone, offline.

A release is two things:

* the **data**, SDMX-CSV 2.0.0 in one exact form (`release_data`);
* the **manifest**, a signed document that names the data's digest and everything that a
  reader needs to judge it, the perturbation table included. The release's id is the id of
  the manifest.

For handing it to somebody, both go with the structure into one file: `release_bundle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol.encoding import (
    canonical_json,
    format_time,
    parse_json_object,
    sha256_digest,
)
from interurban_protocol.errors import (
    DigestMismatchError,
    MalformedError,
    NotYetValidError,
    SignersError,
    UnsupportedError,
    VerificationError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.perturbation_tables import PerturbationTable, check_table
from interurban_protocol.protection_profiles import ProtectionProfile, check_profile
from interurban_protocol.release_data import (
    MAX_DATA_BYTES,
    MEDIA_TYPE,
    ReleaseData,
    ReleasedTable,
    describe_data,
    parse_data,
    write_data,
)
from interurban_protocol.release_plans import (
    Recipient,
    ReleasePlan,
    quarter_after,
    quarter_bounds,
)
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    VerifiedDocument,
    open_document,
    read_payload,
    verify_document,
)
from interurban_protocol.structures import Basis, Structure

KIND: Final = "release-manifest"
BUNDLE_KIND: Final = "interurban-release-bundle"

_SEAL = object()


class ReleaseManifest(DocumentPayload):
    """The payload of a manifest."""

    kind: Literal["release-manifest"] = KIND
    publisher: Origin
    plan: Digest
    agreement: Digest
    subject: str
    dataflow: str  # URN
    structure: Digest
    ref_area: str  # as in REF_AREA
    cohort_period: str  # when the counted event happened; TIME_PERIOD
    observation_period: str  # when what is told of it was seen
    cohort_release: Digest | None = None  # whose people, counted there, these are among
    cut_off: Moment
    consent_as_of: Moment
    built_at: Moment
    publication_at: Moment
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1)]
    basis: Basis
    profile: ProtectionProfile
    perturbation_table: PerturbationTable
    coverage: Annotated[int, Field(ge=1, le=99)] | None = None  # percent
    revision: Annotated[int, Field(ge=0, le=1)] = 0
    replaces: Digest | None = None
    data: ReleaseData


@dataclass(frozen=True, slots=True)
class VerifiedManifest:
    """A manifest that was verified; its data were not. Only `verify_manifest` makes one."""

    manifest: ReleaseManifest
    document: VerifiedDocument[ReleaseManifest]
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_manifest makes a VerifiedManifest")

    @property
    def release_id(self) -> str:
        """The id of the manifest document."""
        return self.document.document_id


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A manifest together with the data that it signs. Only `verify_release` makes one."""

    manifest: ReleaseManifest
    release_id: str
    table: ReleasedTable
    document: VerifiedDocument[ReleaseManifest]
    data: bytes
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError("only verify_release makes a VerifiedRelease")


@dataclass(frozen=True, slots=True)
class ReleaseBundle:
    """The parts of a one-file release, none of them verified."""

    manifest: bytes
    data: bytes
    structure: bytes


def verify_manifest(
    document: bytes, *, keys: Mapping[str, KeySet], at: datetime
) -> VerifiedManifest:
    """The manifest, if its publisher signed it and it does not contradict itself.

    Steps: 1. the publisher's key must have counted when the release was built, so that a key
    rotated since then goes on verifying; 2. version and critical fields; 3. exactly one
    signature, the publisher's; 4. times in order, publication not after `at` (pass a time
    with the tolerance that you allow a partner's clock); 5. profile and perturbation table;
    6. a revision names what it replaces, later outcomes the release of their cohort, and only
    a release from consent has a coverage.

    Raises:
        MalformedError, SignersError, UnknownKeyError, WrongKeyError,
        SignatureInvalidError: as `verify_document`.
        UnsupportedError: another version, or a critical field.
        NotYetValidError: built or to be published after `at`.
        DisclosureError, VerificationError: an unsound profile, or another table.
    """
    built_at = read_payload(open_document(document), ReleaseManifest).built_at
    if built_at > at:
        raise NotYetValidError(f"the release was built at {format_time(built_at)}")
    verified = verify_document(
        document, ReleaseManifest, kind=KIND, keys=keys, at=built_at
    )  # 1
    manifest = verified.payload
    if manifest.version != 1 or manifest.crit:  # 2
        raise UnsupportedError("the manifest is of a version that is not known here")
    if [signer.node for signer in manifest.signers] != [manifest.publisher]:  # 3
        raise SignersError("the manifest is not signed by its publisher alone")
    _check_times(manifest, at)  # 4
    check_profile(manifest.profile)  # 5
    check_table(manifest.perturbation_table, manifest.profile.perturbation)
    _check_members(manifest)  # 6
    return VerifiedManifest(manifest, verified, _SEAL)


def verify_release(
    manifest_document: bytes,
    data: bytes,
    *,
    structure: Structure,
    keys: Mapping[str, KeySet],
    at: datetime,
) -> VerifiedRelease:
    """The release, if manifest, data and structure belong together.

    Steps: 1. the manifest alone; 2. size and digest of the data; 3. URN, digest, basis and
    cohort of the structure; 4. the form of the data; 5. area, period and number of rows.
    Whether it follows its plan is for `check_follows_plan`.

    Raises:
        MalformedError, VerificationError, OutOfTimeError, UnsupportedError,
        DisclosureError: their subclasses as in `verify_manifest` and `parse_data`;
            DigestMismatchError when data or structure are not those that were signed.
    """
    verified = verify_manifest(manifest_document, keys=keys, at=at)  # 1
    manifest = verified.manifest
    if len(data) != manifest.data.bytes or sha256_digest(data) != manifest.data.digest:
        raise DigestMismatchError("the data are not those that the manifest signs")  # 2
    if (structure.urn, structure.digest) != (manifest.dataflow, manifest.structure):
        raise DigestMismatchError("the structure is not the one that was signed")  # 3
    if structure.basis != manifest.basis:
        raise VerificationError("the manifest names another basis than its structure")
    lag = structure.cohort.lag if structure.cohort else 0
    if manifest.observation_period != quarter_after(manifest.cohort_period, lag):
        raise VerificationError("the manifest observes its cohort at another time")
    table = parse_data(data, structure, manifest.profile)  # 4
    found = (table.ref_area, table.time_period, len(table.values))
    if found != (manifest.ref_area, manifest.cohort_period, manifest.data.rows):  # 5
        raise VerificationError(
            "the data are of another area, period or size than the manifest says"
        )
    return VerifiedRelease(
        manifest, verified.release_id, table, verified.document, data, _SEAL
    )


def check_follows_plan(
    manifest: ReleaseManifest, plan: VerifiedDocument[ReleasePlan]
) -> None:
    """Refuse a manifest that says anything else than the plan that it names.

    Raises:
        VerificationError: another plan, subject, publisher, recipient, dataflow, structure,
            profile, calendar or cut-off, or a revision that the plan is not for.
    """
    planned = plan.payload
    periods = {entry.period: entry for entry in planned.periods}
    period = periods.get(manifest.observation_period)
    flows = {entry.urn: entry.structure for entry in planned.dataflows}
    holds = {
        "plan": manifest.plan == plan.document_id,
        "subject": manifest.subject == planned.subject,
        "publisher": manifest.publisher in planned.publishers,
        "recipients": set(manifest.recipients) <= set(planned.recipients),
        "structure": flows.get(manifest.dataflow) == manifest.structure,
        "profile": manifest.profile == planned.profile,
        "period": period is not None,
        "cut-off": period is not None and manifest.cut_off == period.cut_off,
        "publication": (
            period is not None and manifest.publication_at >= period.publication
        ),
        "revision": manifest.revision == int(planned.revision is not None),
    }
    for name, is_kept in holds.items():
        if not is_kept:
            raise VerificationError(f"the release does not follow its plan: {name}")


def release_bundle(manifest: bytes, data: bytes, structure_bytes: bytes) -> bytes:
    """One file with all that `verify_release` needs besides the publisher's keys.

    The manifest's payload survives exactly: it is base64url inside the JWS.

    Raises:
        MalformedError: manifest or structure are not JSON objects, or data not ASCII.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("the data are not SDMX-CSV in ASCII") from error
    return canonical_json(
        {
            "kind": BUNDLE_KIND,
            "manifest": parse_json_object(manifest),
            "data": text,
            "structure": parse_json_object(structure_bytes),
        }
    )


def open_bundle(bundle: bytes) -> ReleaseBundle:
    """The parts of a one-file release; verify them with `verify_release`.

    Raises:
        MalformedError: not such a file.
    """
    match parse_json_object(bundle):
        case {
            "kind": "interurban-release-bundle",
            "manifest": Mapping() as manifest,
            "data": str(data),
            "structure": Mapping() as structure,
            **rest,
        } if not rest and data.isascii():
            return ReleaseBundle(
                canonical_json(manifest),
                data.encode("ascii"),
                canonical_json(structure),
            )
        case _:
            raise MalformedError("the file is no bundle of a release")


def _check_members(manifest: ReleaseManifest) -> None:
    """Whether the members are there that belong together, and no others."""
    is_later = manifest.observation_period != manifest.cohort_period
    rules = {
        "a revision, and only a revision, replaces a release": (
            (manifest.revision > 0) == (manifest.replaces is not None)
        ),
        "a release of later outcomes, and no other, names the release of its cohort": (
            is_later == (manifest.cohort_release is not None)
        ),
        "only a release from consent has a coverage": (
            manifest.coverage is None or manifest.basis == "consent"
        ),
    }
    for rule, is_kept in rules.items():
        if not is_kept:
            raise MalformedError(rule)


def _check_times(manifest: ReleaseManifest, at: datetime) -> None:
    quarter_bounds(manifest.cohort_period)
    quarter_bounds(manifest.observation_period)
    if manifest.cohort_period > manifest.observation_period:
        raise MalformedError("the release observes a cohort before it exists")
    if not manifest.cut_off <= manifest.consent_as_of <= manifest.built_at:
        raise MalformedError(
            "the release's cut-off, consent and build are not in that order"
        )
    if manifest.publication_at < manifest.cut_off:
        raise MalformedError("the release is published before its cut-off")
    if manifest.publication_at > at:
        raise NotYetValidError(
            f"the release is to be published at {format_time(manifest.publication_at)}"
        )


__all__ = [
    "BUNDLE_KIND",
    "KIND",
    "MAX_DATA_BYTES",
    "MEDIA_TYPE",
    "ReleaseBundle",
    "ReleaseData",
    "ReleaseManifest",
    "ReleasedTable",
    "VerifiedManifest",
    "VerifiedRelease",
    "check_follows_plan",
    "describe_data",
    "open_bundle",
    "parse_data",
    "release_bundle",
    "verify_manifest",
    "verify_release",
    "write_data",
]
