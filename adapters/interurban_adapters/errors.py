"""What can be wrong with a source or its mapping; continues the protocol's tree.

::

    InterurbanError
    └── AdapterError                  something on the way from a registry system to a record
        ├── SourceUnreadableError     the source cannot be opened, reached or decoded
        ├── SourceChangedError        the source is not what the mapping was written for
        ├── MappingError              the mapping itself is wrong; names the place in it
        └── NotConformantError        an adapter breaks the contract of `adapter`

A single bad row is never an error: it becomes a `Rejection` and the other rows go on.
Messages name files, tables and columns, never what a row holds.
"""

from interurban_protocol.errors import InterurbanError


class AdapterError(InterurbanError):
    """Something is wrong between a registry system and the canonical records."""


class SourceUnreadableError(AdapterError):
    """The source cannot be opened, reached or decoded."""

    default_next_step = (
        "Check that the source is there, may be read and holds UTF-8 text."
    )


class SourceChangedError(AdapterError):
    """The source is not what the mapping was written for, or is only half there."""

    default_next_step = (
        "Compare the source with the mapping; ask for a complete export, or change it."
    )


class MappingError(AdapterError):
    """The mapping is wrong; the message begins with the place in it."""

    default_next_step = "Correct the mapping at the place named; see docs/adapters.md."


class NotConformantError(AdapterError):
    """An adapter breaks a rule of the contract."""

    default_next_step = (
        "Correct the adapter; the rule stands in interurban_adapters.adapter."
    )
