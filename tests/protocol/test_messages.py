"""The closed table of what crosses the border as a message."""

import pytest

from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import InterurbanError, MalformedError, UnsupportedError
from interurban_protocol.messages import (
    MAX_ATTACHMENTS,
    MESSAGE_KINDS,
    About,
    parse_message,
    write_message,
)

DOCUMENT = b'{"payload":"e30","signatures":[]}'


@pytest.mark.parametrize("kind", MESSAGE_KINDS)
def test_every_kind_of_the_table_can_be_written_and_read(kind: str):
    found = parse_message(write_message(kind, DOCUMENT, (b'{"a":1}', b'{"b":2}')))
    assert found.kind is MESSAGE_KINDS[kind]
    assert found.document == DOCUMENT
    assert found.attachments == (b'{"a":1}', b'{"b":2}')


def test_only_what_speaks_of_one_person_for_the_first_time_discloses():
    discloses = {row.kind for row in MESSAGE_KINDS.values() if row.discloses}
    assert discloses == {"credential-reference"}
    about_people = {
        row.kind for row in MESSAGE_KINDS.values() if row.about is About.ONE_PERSON
    }
    assert about_people == {"credential-reference", "reference-ended"}


def body(**changes: object) -> bytes:
    value = {"kind": "agreement", "document": {}, "attachments": [], **changes}
    return canonical_json({k: v for k, v in value.items() if v is not ...})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", MalformedError),
        (b"[]", MalformedError),
        (b'{"kind":"agreement"', MalformedError),
        (b'{"kind":"agreement","kind":"agreement"}', MalformedError),
        (body(kind=...), MalformedError),
        (body(document=...), MalformedError),
        (body(attachments=...), MalformedError),
        (body(extra=1), MalformedError),
        (body(kind=7), MalformedError),
        (body(document="text"), MalformedError),
        (body(document=[]), MalformedError),
        (body(attachments={}), MalformedError),
        (body(attachments=["text"]), MalformedError),
        (body(attachments=[[]]), MalformedError),
        (body(attachments=[{}] * (MAX_ATTACHMENTS + 1)), MalformedError),
        (body(kind="learner-record"), UnsupportedError),
        (body(kind="Agreement"), UnsupportedError),
        (body(kind=""), UnsupportedError),
    ],
)
def test_a_message_of_another_form_is_refused(data: bytes, expected):
    with pytest.raises(InterurbanError) as caught:
        parse_message(data)
    assert type(caught.value) is expected


def test_the_most_attachments_are_read():
    assert (
        len(parse_message(body(attachments=[{}] * MAX_ATTACHMENTS)).attachments) == 32
    )


def test_a_document_that_is_no_object_is_not_written():
    with pytest.raises(MalformedError):
        write_message("agreement", b"[]")
