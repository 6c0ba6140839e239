"""Names of SD-JWT VC that a draft still owns, in one place.

SD-JWT itself is RFC 9901. Its profile for credentials is draft-ietf-oauth-sd-jwt-vc, and the
status lists are draft-ietf-oauth-status-list; when either changes a name before it becomes an
RFC, it changes here.
"""

from typing import Final

SD_JWT_VC_DRAFT: Final = "draft-ietf-oauth-sd-jwt-vc-26"
STATUS_LIST_DRAFT: Final = "draft-ietf-oauth-status-list-21"

CREDENTIAL_TYPE: Final = "dc+sd-jwt"  # the header typ; "vc+sd-jwt" until draft 06
KEY_BINDING_TYPE: Final = "kb+jwt"  # RFC 9901 section 4.3
TYPE_CLAIM: Final = "vct"
CONFIRMATION_CLAIM: Final = "cnf"
STATUS_CLAIM: Final = "status"
STATUS_LIST_MEMBER: Final = "status_list"
HASH_CLAIM: Final = "_sd_alg"
PRESENTATION_HASH: Final = "sd_hash"

NEVER_DISCLOSABLE: Final = frozenset(
    {"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status", "aud", "_sd_alg"}
)
"""Claims that a holder must not be able to hold back (draft section 3.2.2.2)."""

CERTIFICATE_VCT: Final = "urn:interurban:vct:certificate:1"
