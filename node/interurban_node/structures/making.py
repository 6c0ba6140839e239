"""Writing structures into files, for a plan to name."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from interurban_node.core.errors import ConfigurationError
from interurban_node.structures import service
from interurban_protocol.lattices import lattice_size
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.structure_versions import compare
from interurban_protocol.structures import Structure, bundle_bytes
from interurban_protocol.training_structures import TrainingChoices, training_structures


@dataclass(frozen=True, slots=True)
class Made:
    """A structure in its file, and how it differs from the version adopted before."""

    path: Path
    structure: Structure
    cells: int  # of one release under the default profile
    change: str  # "new", "as adopted", "minor change since 1.0.0"


def make(session: Session, choices: TrainingChoices, folder: Path) -> list[Made]:
    """The standard structures of these choices, written into `folder`.

    A file that is there already is left alone if it has the same content.

    Raises:
        MalformedError: as `training_structures`.
        ChainError: a structure does not follow on the versions adopted here.
        ConfigurationError: a file of that name has another content, or cannot be written.
    """
    made = [_made(session, each, folder) for each in training_structures(choices)]
    for each in made:
        _check_free(each)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in made:
            each.path.write_bytes(bundle_bytes(each.structure))
    except OSError as error:
        raise ConfigurationError(
            f"the structures cannot be written into {folder}",
            next_step="Name a folder that you may write into.",
        ) from error
    return made


def _made(session: Session, structure: Structure, folder: Path) -> Made:
    service.check_can_be_adopted(session, structure)
    path = folder / f"{structure.id.lower().replace('_', '-')}.json"
    cells = lattice_size(structure, ProtectionProfile())
    return Made(path, structure, cells, _change(session, structure))


def _change(session: Session, structure: Structure) -> str:
    if structure in service.versions(session, structure):
        return "as adopted"
    before = service.version_before(session, structure)
    if before is None:
        return "new"
    return f"{compare(before, structure).level} change since {before.version}"


def _check_free(made: Made) -> None:
    try:
        held = made.path.read_bytes() if made.path.exists() else None
    except OSError as error:
        raise ConfigurationError(
            f"{made.path} cannot be read", next_step="Name another folder."
        ) from error
    if held not in (None, bundle_bytes(made.structure)):
        raise ConfigurationError(
            f"{made.path} has another content already",
            next_step="Name another folder, or move the file away; raise the version if it "
            "was proposed.",
        )
