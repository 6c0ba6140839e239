"""Releases: immutable tables with a signed manifest, verifiable by anyone, offline.

A release is two things:

* the **data**, SDMX-CSV 2.0.0 in one exact form: LF line ends, every cell of the closed
  lattice in the order of `disclosure.closed_lattice`, shown cells `A,F`, hidden ones `Q,A`
  without a value;
* the **manifest**, a signed document that names the data's digest and everything that a
  reader needs to judge it, the perturbation table included. The release's id is the id of
  the manifest.

For handing it to somebody, both go with the structure into one file: `release_bundle`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol.disclosure import (
    Cell,
    ProtectedTable,
    check_size,
    closed_lattice,
    codes_by_dimension,
    lattice_size,
)
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
    OversizedError,
    SignersError,
    UnsupportedError,
    VerificationError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.perturbation_tables import PerturbationTable, check_table
from interurban_protocol.release_plans import (
    ProtectionProfile,
    ReleasePlan,
    check_profile,
    quarter_bounds,
)
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    VerifiedDocument,
    WireModel,
    open_document,
    read_payload,
    verify_document,
)
from interurban_protocol.structures import AREA_DIMENSION, Basis, Structure

KIND: Final = "release-manifest"
BUNDLE_KIND: Final = "interurban-release-bundle"
MEDIA_TYPE: Final = "application/vnd.sdmx.data+csv;version=2.0.0"
MAX_DATA_BYTES = 200_000_000  # a lattice of the largest size has about 0.15 GB

_SHOWN, _HIDDEN = "A,F", "Q,A"  # OBS_STATUS and CONF_STATUS
_AREA = re.compile(r"[A-Za-z0-9_@$-]+")
_VALUE = re.compile(r"[1-9][0-9]{0,14}")
_SEAL = object()


class ReleaseData(WireModel):
    """What the manifest says of the data, for finding out whether they are the same."""

    digest: Digest
    bytes: Annotated[int, Field(ge=1, le=MAX_DATA_BYTES)]
    media_type: Literal["application/vnd.sdmx.data+csv;version=2.0.0"] = MEDIA_TYPE
    rows: Annotated[int, Field(ge=1)]


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
    cut_off: Moment
    consent_as_of: Moment
    built_at: Moment
    publication_at: Moment
    recipients: Annotated[tuple[Origin, ...], Field(min_length=1)]
    basis: Basis
    profile: ProtectionProfile
    perturbation_table: PerturbationTable
    coverage: Annotated[int, Field(ge=1, le=99)] | None = None  # percent
    revision: Annotated[int, Field(ge=0, le=1)] = 0
    replaces: Digest | None = None
    data: ReleaseData


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """The cells of a release, hidden ones included, after every check of their form."""

    structure: Structure
    profile: ProtectionProfile
    ref_area: str
    time_period: str
    values: Mapping[tuple[str, ...], int | None]

    def value(self, **codes: str) -> int | None:
        """The value of a cell, `value(SEX="F")`; dimensions left out are totals.

        None where it is hidden.

        Raises:
            MalformedError: an unknown dimension or code, or more of them crossed than a
                release has.
        """
        key = codes_by_dimension(self.structure, codes)
        if key not in self.values:
            raise MalformedError("the cell crosses more dimensions than a release has")
        return self.values[key]

    def __iter__(self) -> Iterator[Cell]:
        return (Cell(codes, value) for codes, value in self.values.items())

    @property
    def shown(self) -> tuple[Cell, ...]:
        """The cells that have a value, in order."""
        return tuple(cell for cell in self if cell.value is not None)

    @property
    def hidden_count(self) -> int:
        """How many cells have none."""
        return sum(value is None for value in self.values.values())


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


def write_data(
    table: ProtectedTable, structure: Structure, ref_area: str, time_period: str
) -> bytes:
    """The data file of a release; `time_period` is the manifest's cohort period.

    Raises:
        MalformedError: an area that the structure does not have, a period that is no
            quarter, or a table of another structure.
    """
    if table.structure != structure.digest:
        raise MalformedError("the table was made with another structure")
    _check_area_and_period(structure, ref_area, time_period)
    rows = (
        f"{_row_start(structure, ref_area, time_period, cell.codes)},{_row_end(cell)}\n"
        for cell in table.cells
    )
    return (_header(structure) + "\n" + "".join(rows)).encode("ascii")


def describe_data(data: bytes) -> ReleaseData:
    """The manifest's entry for a data file that `write_data` made."""
    return ReleaseData(
        digest=sha256_digest(data), bytes=len(data), rows=data.count(b"\n") - 1
    )


def parse_data(
    data: bytes, structure: Structure, profile: ProtectionProfile
) -> ReleasedTable:
    """The table in a data file, if it is exactly what `write_data` would write.

    Raises:
        MalformedError: another header, a row missing, extra, doubled or out of order, a
            value below the threshold or off the rounding base, or marks of another kind.
        OversizedError: a structure with more cells than any release has.
    """
    check_size(structure, profile.max_dimensions)
    header, *rows = _lines(data)
    if header != _header(structure):
        raise MalformedError("the data have another header than their structure gives")
    if len(rows) != lattice_size(structure, profile.max_dimensions):
        raise MalformedError("the data have not one row for each cell")
    ref_area, time_period = _constants(rows[0], structure)
    _check_area_and_period(structure, ref_area, time_period)
    values: dict[tuple[str, ...], int | None] = {}
    lattice = closed_lattice(structure, profile.max_dimensions)
    for number, (codes, row) in enumerate(zip(lattice, rows, strict=True), start=2):
        start = _row_start(structure, ref_area, time_period, codes)
        if not row.startswith(start + ","):
            raise MalformedError(f"line {number} of the data is not the cell due there")
        values[codes] = _value(row[len(start) + 1 :], profile, number)
    return ReleasedTable(structure, profile, ref_area, time_period, values)


def verify_manifest(
    document: bytes, *, keys: Mapping[str, KeySet], at: datetime
) -> VerifiedManifest:
    """The manifest, if its publisher signed it and it does not contradict itself.

    Steps: 1. the publisher's key must have counted when the release was built, so that a key
    rotated since then goes on verifying; 2. version and critical fields; 3. exactly one
    signature, the publisher's; 4. times in order, publication not after `at` (pass a time
    with the tolerance that you allow a partner's clock); 5. profile and perturbation table;
    6. a revision names what it replaces.

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
    if (manifest.revision == 0) != (manifest.replaces is None):  # 6
        raise MalformedError("a revision, and only a revision, replaces a release")
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

    Steps: 1. the manifest alone; 2. size and digest of the data; 3. URN, digest and basis
    of the structure; 4. the form of the data; 5. area, period and number of rows. Whether
    it follows its plan is for `check_follows_plan`.

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
            profile, calendar or cut-off.
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


def _header(structure: Structure) -> str:
    dimensions = ",".join(dimension.id for dimension in structure.dimensions)
    return (
        f"STRUCTURE,STRUCTURE_ID,ACTION,{dimensions},OBS_VALUE,OBS_STATUS,CONF_STATUS"
    )


def _row_start(
    structure: Structure, ref_area: str, time_period: str, codes: tuple[str, ...]
) -> str:
    """A row up to the last dimension; no field needs quotes, as codes are SDMX ids."""
    splits = iter(codes)
    keys = [
        next(splits)
        if dimension.is_split
        else (ref_area if dimension.id == AREA_DIMENSION else time_period)
        for dimension in structure.dimensions
    ]
    return ",".join(("dataflow", structure.reference, "I", *keys))


def _row_end(cell: Cell) -> str:
    return f",{_HIDDEN}" if cell.value is None else f"{cell.value},{_SHOWN}"


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_DATA_BYTES:
        raise OversizedError("the data are larger than any release")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("the data are not SDMX-CSV in ASCII") from error
    *lines, last = text.split("\n")
    if last or len(lines) < 2:
        raise MalformedError("the data do not end with a complete row")
    return lines


def _constants(row: str, structure: Structure) -> tuple[str, str]:
    """REF_AREA and TIME_PERIOD of a row."""
    fields = row.split(",")[3:]
    ids = [dimension.id for dimension in structure.dimensions]
    if len(fields) != len(ids) + 3:
        raise MalformedError(
            "the data have a row with more or fewer fields than columns"
        )
    return fields[ids.index(AREA_DIMENSION)], fields[len(ids) - 1]


def _check_area_and_period(
    structure: Structure, ref_area: str, time_period: str
) -> None:
    areas = {code.id for code in structure.codes(AREA_DIMENSION)}
    if not _AREA.fullmatch(ref_area) or (areas and ref_area not in areas):
        raise MalformedError("the reference area is none of the structure's")
    quarter_bounds(time_period)


def _value(end: str, profile: ProtectionProfile, number: int) -> int | None:
    if end == f",{_HIDDEN}":
        return None
    text, _, marks = end.partition(",")
    if marks != _SHOWN or not _VALUE.fullmatch(text):
        raise MalformedError(f"line {number} of the data is neither shown nor hidden")
    value = int(text)
    if value < profile.threshold or value % (profile.rounding or 1):
        raise MalformedError(f"line {number} of the data breaks the protection profile")
    return value


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
