"""The story: three cities join, agree, count, exchange, and end what a learner stops.

Every step uses what a city's people use: the operators' commands and services, and the
learner's pages over HTTP. Nothing is prepared behind the nodes' backs.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.aggregates import service as aggregates
from interurban_node.agreements import service as agreements
from interurban_node.core.console import say
from interurban_node.core.errors import StateError
from interurban_node.credentials import service as credentials
from interurban_node.credentials.queries import references_of
from interurban_node.demo import scenario, tables
from interurban_node.demo.browser import Browser
from interurban_node.demo.cities import City, run_command
from interurban_node.demo.publishing import build, pull, show_tables
from interurban_node.demo.state import (
    DemoCity,
    DemoLearner,
    DemoReference,
    DemoRelease,
    DemoState,
    Tokens,
)
from interurban_node.demo.telling import (
    Story,
    finished,
    in_parallel,
    sign_in_code,
    until,
)
from interurban_node.exchange import evidence
from interurban_node.partners import service as partners
from interurban_node.partners.jobs import send_confirmations
from interurban_node.registry import service as registry
from interurban_protocol.agreements import AgreementState
from interurban_protocol.references import ReferenceState

TOKEN_DAYS = timedelta(days=7)
ANSWERS = ("given", "refused", "withdrawn", "never asked")
SHOWN_LEARNERS = 4  # of each answer and city, in state.json


def run(story: Story) -> None:
    """Every step in order, each announced by name with the time it took."""
    for number, (name, step) in enumerate(STEPS, start=1):
        story.step = name
        if not story.quiet:
            say(f"[{number}/{len(STEPS)}] {name}")
        began = time.monotonic()
        with _spinner(quiet=story.quiet):
            step(story)
        story.tell(f"({time.monotonic() - began:.1f} s)")


@contextmanager
def _spinner(*, quiet: bool) -> Iterator[None]:
    """Something that moves while a step takes its time, where somebody is watching."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status("working"):
        yield


def join(story: Story) -> None:
    """Each pair joins; each operator has read the other's own words."""
    for position, inviting in enumerate(story.cities):
        for joining in story.cities[position + 1 :]:
            _join_pair(inviting, joining)
            story.tell(f"{inviting.name} and {joining.name} have pinned each other")


def _join_pair(inviting: City, joining: City) -> None:
    now = inviting.node.clock()
    with inviting.node.database.transaction() as session:
        link = partners.invite(session, inviting.node, now).link
    partners.join(joining.node, link, now)
    for one, other in ((inviting, joining), (joining, inviting)):
        words = partners.own_descriptor(other.node).words  # read on the telephone
        with one.node.database.transaction() as session:
            partners.confirm(session, one.node, words, one.node.clock())
        send_confirmations(one.node)


def sync(story: Story) -> None:
    """Each city reads its registry; bad rows go to quarantine with their reasons."""
    in_parallel(story, "registry", "sync")
    for city in story.cities:
        with city.node.database.transaction() as session:
            known = registry.status(session)
        live = sum(sum(source.live.values()) for source in known)
        kept = sum(source.quarantined for source in known)
        story.tell(f"{city.name}: {live:,} records, {kept:,} rows in quarantine")
    _sync_again(story)


def _sync_again(story: Story) -> None:
    """The same export changes nothing; a later one brings what is new, changed and gone."""
    city = story.first
    total = _total(story, "again")
    if any(total[part] for part in ("new", "changed", "removed")):
        raise StateError("reading the same export again has changed something")
    story.tell(f"{city.name}, the same export again: nothing changed")
    if story.scenario.export_later is not None:
        story.scenario.export_later(city)
        total = _total(story, "later")
        told = ", ".join(
            f"{total[part]} {part}" for part in ("new", "changed", "removed")
        )
        story.tell(f"{city.name}, an export of a week later: {told}")


def _total(story: Story, when: str) -> dict[str, int]:
    city = story.first
    arguments = story.scenario.source_arguments[city.plan.key]
    with finished(city, run_command(city, "registry", "sync", *arguments)) as answer:
        total = json.loads(answer)["total"]
    if not isinstance(total, dict):
        raise StateError(f"`registry sync` gave no total when run {when}")
    return {str(part): int(count) for part, count in total.items()}


def agree(story: Story) -> None:
    """One city proposes; all three sign the same payload; each verifies for itself."""
    node = story.first.node
    now = node.clock()
    origins = [city.node.origin for city in story.cities]
    plan, bundles = tables.release_plan(node, story.scenario.statistics, origins, now)
    with node.database.transaction() as session:
        story.plan_id = agreements.propose_plan(session, node, plan, bundles, now)
        story.agreement_id = agreements.propose(
            session, node, scenario.agreement(story.plan_id, origins[1:], now), now
        )
    for city in story.cities[1:]:
        until(
            story,
            f"the proposal reaches {city.name}",
            partial(_has_agreement, story, city),
        )
        with city.node.database.transaction() as session:
            agreements.sign(session, city.node, story.agreement_id, city.node.clock())
    for city in story.cities:
        until(
            story,
            f"it is in force in {city.name}",
            partial(_in_force, city),
        )
    story.tell(f"in force in all three: {story.agreement_id}")


def consent(story: Story) -> None:
    """Paper consent comes in as claims; one learner answers on the page."""
    in_parallel(story, "consent", "import")
    for city in story.cities:
        people = scenario.learners_by_answer(city.node, SHOWN_LEARNERS)
        story.learners[city.plan.key] = [
            DemoLearner(learner_ref, sign_in_code(city, learner_ref), state)
            for state, learner_refs in people.items()
            for learner_ref in learner_refs
        ]
        counts = scenario.answer_counts(city.node)
        told = ", ".join(f"{counts.get(s, 0):,} {s}" for s in ANSWERS)
        story.tell(f"{city.name}: {told}")
    _answer_on_the_page(story)


def _answer_on_the_page(story: Story) -> None:
    asked = [
        x for x in story.learners[story.first.plan.key] if x.state == "never asked"
    ]
    if not asked:
        story.tell("everybody was asked on paper")
        return
    learner = asked[0]
    browser = _signed_in(story.first, learner.sign_in_code, "ar")
    question_id = scenario.aggregate_question(story.first.node)
    browser.open(f"/my/questions/{question_id}")
    browser.send(f"/my/questions/{question_id}", {"answer": "yes"})
    story.learners[story.first.plan.key].remove(learner)
    fresh = DemoLearner(
        learner.learner_ref, sign_in_code(story.first, learner.learner_ref), "given"
    )
    story.learners[story.first.plan.key].append(fresh)
    story.tell("one learner who was never asked said yes on the page, in Arabic")


def share_certificate(story: Story) -> None:
    """A learner shares a certificate with one partner, and the partner can verify it."""
    learner_ref, certificate_id = scenario.somebody_with_a_certificate(story.first.node)
    node = story.first.node
    with node.database.transaction() as session:
        credentials.issue(session, node, certificate_id, node.clock())
    browser = _signed_in(story.first, sign_in_code(story.first, learner_ref), "en")
    question_id = scenario.reference_question(node, story.second.node.origin)
    path = f"/my/questions/{question_id}"
    browser.open(f"{path}?certificate={certificate_id}")
    browser.send(path, {"answer": "yes"})
    until(story, "the reference arrives", lambda: _received(story) is not None)
    file = _export(story)
    until(story, "the partner has the status list", partial(_is_fresh, story, file))
    story.tell(f"{story.second.name} holds a reference and finds it fresh")
    story.references[story.first.plan.key] = [
        DemoReference(str(file), story.second.node.origin)
    ]
    _stop(story, browser, learner_ref, file)


def _stop(story: Story, browser: Browser, learner_ref: str, file: Path) -> None:
    browser.open("/my/sharing")
    browser.send("/my/stop", {}, with_field="credential")
    until(
        story,
        f"{story.second.name} acknowledges the stop",
        lambda: _acknowledged(story, learner_ref),
    )
    verdict = _verdict(story, file)
    if verdict is not ReferenceState.ENDED:
        raise StateError(f"after the stop the partner finds the reference {verdict}")
    story.tell(f"the learner stopped; {story.second.name} now finds it {verdict}")
    if story.second.name not in browser.open("/my/certificates"):
        raise StateError("the learner's page does not show the partner's answer")
    story.tell("the learner's page shows the partner's signed acknowledgement")


def share_another(story: Story) -> None:
    """A second learner shares and does not stop, so that there is one to look at."""
    node = story.first.node
    taken = {reference.file for reference in story.references[story.first.plan.key]}
    learner_ref, certificate_id = scenario.somebody_with_a_certificate(node, skip=1)
    with node.database.transaction() as session:
        credentials.issue(session, node, certificate_id, node.clock())
    browser = _signed_in(story.first, sign_in_code(story.first, learner_ref), "en")
    question_id = scenario.reference_question(node, story.second.node.origin)
    path = f"/my/questions/{question_id}"
    browser.open(f"{path}?certificate={certificate_id}")
    browser.send(path, {"answer": "yes"})
    until(story, "the second reference arrives", lambda: _received(story) is not None)
    file = _export(story)
    if str(file) in taken:
        raise StateError("the second reference is the first one")
    until(story, "the partner has the status list", partial(_is_fresh, story, file))
    story.references[story.first.plan.key].append(
        DemoReference(str(file), story.second.node.origin)
    )
    story.learners[story.first.plan.key].append(
        DemoLearner(
            learner_ref, sign_in_code(story.first, learner_ref), "shares a certificate"
        )
    )
    story.tell("a second learner shares a certificate and goes on sharing it")


def prove(story: Story) -> None:
    """Each city verifies what it keeps as evidence of every exchange."""
    for city in story.cities:
        with city.node.database.transaction() as session:
            keys = partners.key_sets(session, city.node)
            verdicts = evidence.verify_all(session, keys, city.node.origin)
        if any(verdict.problem for verdict in verdicts):
            raise StateError(f"{city.name} cannot prove one of its exchanges")
        story.tell(
            f"{city.name}: {len(verdicts)} exchanges, provable by either side alone"
        )


def hand_out(story: Story) -> None:
    """Tokens for staff and programs, so that outside clients can use the federation."""
    for city in story.cities:
        now = city.node.clock()
        with city.node.database.transaction() as session:
            made = {
                role: accounts.mint_token(
                    session, city.node, role, "demonstration", now, TOKEN_DAYS
                )
                for role in (Role.IT_OPERATOR, Role.COMMITTEE_MEMBER, Role.SERVICE)
            }
        story.tokens[city.plan.key] = Tokens(
            it_operator=made[Role.IT_OPERATOR],
            committee_member=made[Role.COMMITTEE_MEMBER],
            service=made[Role.SERVICE],
        )


STEPS: Sequence[tuple[str, Callable[[Story], None]]] = (
    ("Join: every pair of operators reads the other's own words", join),
    ("Sync: each city reads its registry", sync),
    ("Agree: one plan, one agreement, three signatures", agree),
    ("Consent: on paper, and on the learner's page", consent),
    ("Release: protected, attacked by the gate, built once", build),
    ("Exchange: pulled over signed requests", pull),
    ("Committee: the cities side by side", show_tables),
    ("Certificate: shared with one city, then stopped", share_certificate),
    ("Certificate: another one, still shared", share_another),
    ("Evidence: every exchange can be proved", prove),
    ("Access: tokens for staff and programs", hand_out),
)


def state_of(story: Story) -> DemoState:
    """What outside programs need to know of the story."""
    return DemoState(
        agreement_id=story.agreement_id,
        plan_id=story.plan_id,
        cities=[_city_state(story, city) for city in story.cities],
    )


def _city_state(story: Story, city: City) -> DemoCity:
    key = city.plan.key
    with city.node.database.transaction() as session:
        releases = [_release(session, city, facts) for facts in _releases(session)]
    return DemoCity(
        id=key,
        origin=city.node.origin,
        home=str(city.home),
        tokens=story.tokens[key],
        learners=story.learners.get(key, []),
        dataflows=sorted(
            {dataflow for dataflow, _ in story.scenario.statistics.releases}
        ),
        releases=releases,
        references=story.references.get(key, []),
    )


def _releases(session: Session) -> Iterator[aggregates.ReleaseFacts]:
    yield from reversed(aggregates.own_releases(session))


def _release(
    session: Session, city: City, facts: aggregates.ReleaseFacts
) -> DemoRelease:
    address = f"{city.node.origin}/api/v1/releases/{facts.release_id}"
    manifest = aggregates.manifest_of(session, facts.release_id)
    return DemoRelease(
        id=facts.release_id,
        dataflow=facts.dataflow,
        period=facts.period,
        manifest_url=f"{address}/manifest",
        data_url=f"{address}/data",
        sha256=manifest.data.digest.removeprefix("sha256:"),
    )


def _signed_in(city: City, code: str, language: str) -> Browser:
    browser = Browser(city.node.origin, language)
    browser.open("/sign-in")
    browser.send("/sign-in", {"code": code})
    return browser


def _has_agreement(story: Story, city: City) -> bool:
    with city.node.database.transaction() as session:
        known = agreements.statuses(session, city.node, city.node.clock())
    return any(status.agreement_id == story.agreement_id for status in known)


def _in_force(city: City) -> bool:
    with city.node.database.transaction() as session:
        known = agreements.statuses(session, city.node, city.node.clock())
    return any(status.view.state is AgreementState.IN_FORCE for status in known)


def _received(story: Story) -> str | None:
    """The id of a reference that the second city holds and that was not exported yet."""
    exported = {
        Path(r.file).stem for r in story.references.get(story.first.plan.key, [])
    }
    return scenario.held_reference(story.second.node, exported)


def _export(story: Story) -> Path:
    reference_id = _received(story)
    if reference_id is None:
        raise StateError("the partner holds no reference")
    folder = story.second.home / "references"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{reference_id}.sdjwt"
    file.write_text(scenario.reference_token(story.second.node, reference_id), "ascii")
    return file


def _verdict(story: Story, file: Path) -> ReferenceState:
    node = story.second.node
    with node.database.transaction() as session:
        found = credentials.verdict(
            session, node, file.read_text("ascii"), node.clock()
        )
    return found.state


def _is_fresh(story: Story, file: Path) -> bool:
    return _verdict(story, file) is ReferenceState.FRESH


def _acknowledged(story: Story, learner_ref: str) -> bool:
    with story.first.node.database.transaction() as session:
        views = references_of(session, learner_ref)
    return any(view.acknowledged_at is not None for view in views)


def today_of(moment: datetime) -> date:
    """The day of a moment, in UTC."""
    return moment.astimezone(UTC).date()
