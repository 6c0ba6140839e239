"""The learner's pages, as a browser sees them."""

import re

import pytest
import sqlalchemy as sa

from interurban_node.accounts import service as accounts
from interurban_node.aggregates.members import sequences_of
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.aggregates.service import CountedIn
from interurban_node.consent import service as consent
from interurban_node.consent.models import HistoryRow
from interurban_node.consent.queries import consents
from interurban_node.core import pages
from interurban_node.core.pages import Language
from interurban_node.credentials import jobs
from interurban_node.partners.service import own_descriptor
from interurban_node.portal.words import Words
from interurban_protocol.consent_records import Channel, ConsentState, Receipt, Scope
from interurban_protocol.signed_documents import verify_document
from tests.support import committees
from tests.support.browsing import SAME_ORIGIN, Browser, Reader
from tests.support.counting import members_of_releases
from tests.support.learners import (
    ANNA,
    BILAL,
    ME,
    NAMES,
    NORTHPORT,
    ask,
    papers,
    say,
)
from tests.support.reference_cities import (
    LEARNER,
    OTHER_CERTIFICATE,
    OTHER_LEARNER,
    PURPOSE,
    TITLE,
    Cities,
    Clock,
)

GIVEN, REFUSED = ConsentState.GIVEN, ConsentState.REFUSED
WITHDRAWN = ConsentState.WITHDRAWN
PLACES = ["/my", "/my/sharing", "/my/certificates", "/my/uses"]


@pytest.fixture
def asked(node, moment):
    with node.database.transaction() as session:
        return ask(session, node, moment.now)


@pytest.fixture
def anna(node, asked):
    return Browser(node).sign_in(ANNA)


def states(node, learner=ANNA):
    with node.database.transaction() as session:
        return [one.state for one in consent.standing(session, learner, node.clock())]


def is_counted(node, question_id, learner=ANNA):
    with node.database.transaction() as session:
        where = consents([question_id], HistoryRow.learner_ref, node.clock())
        select = sa.select(HistoryRow).where(HistoryRow.learner_ref == learner, where)
        return session.scalar(select) is not None


# --- asking and answering


def test_an_open_question_stands_on_the_first_page(anna, asked):
    page = anna.open("/my")
    assert f"/my/questions/{asked}" in {link["href"] for link in page.all("a")}
    assert "May we count you in the tables that we share?" in page.text


def test_the_question_says_who_what_why_until_when_and_that_no_costs_nothing(
    anna, asked
):
    text = anna.open(f"/my/questions/{asked}").text
    for part in ("Who gets it", "What we use", "Why", "Until when", "How to stop"):
        assert part in text
    assert "Nothing changes if you say no." in text
    assert "Eastvale and Northport" in text


def test_yes_and_no_have_equal_weight_and_nothing_is_chosen_beforehand(anna, asked):
    page = anna.open(f"/my/questions/{asked}")
    buttons = page.form(f"/my/questions/{asked}").buttons
    assert [button["value"] for button in buttons] == ["yes", "no"]
    assert len({button.get("class") for button in buttons}) == 1
    assert not any("checked" in element for _, element in page.elements)


@pytest.mark.parametrize(
    ("answer", "state", "title"),
    [("yes", GIVEN, "You said yes"), ("no", REFUSED, "You said no")],
)
def test_an_answer_is_recorded_and_confirmed(node, anna, asked, answer, state, title):
    action = f"/my/questions/{asked}"
    page = anna.press(anna.open(action), action, answer=answer)
    assert title in page.text
    assert states(node) == [state]
    assert is_counted(node, asked) is (answer == "yes")
    assert "There is no open question for you." in anna.open("/my").text


def test_the_answer_is_bound_to_the_language_that_was_read(node, asked, moment):
    action = f"/my/questions/{asked}"
    bilal = Browser(node, "ar").sign_in(BILAL)
    bilal.press(bilal.open(action), action, answer="yes")
    with node.database.transaction() as session:
        assert consent.history(session, BILAL)[0].language == "ar"


def test_the_receipt_verifies_with_the_citys_key(node, anna, asked, moment):
    action = f"/my/questions/{asked}"
    page = anna.press(anna.open(action), action, answer="yes")
    (link,) = (a["href"] for a in page.all("a") if "/my/receipts/" in a["href"])
    answer = anna.client.get(link)
    assert answer.headers["content-disposition"].startswith("attachment")
    keys = {node.origin: own_descriptor(node).key_set}
    receipt = verify_document(
        answer.content, Receipt, kind="consent-receipt", keys=keys, at=moment.now
    )
    assert receipt.payload.state is GIVEN


@pytest.mark.parametrize("answer", ["", "maybe", "given"])
def test_only_yes_and_no_are_answers(node, anna, asked, answer):
    action = f"/my/questions/{asked}"
    fields = anna.open(action).form(action).fields
    anna.send(action, {**fields, "answer": answer}, status=400)
    assert states(node) == []


def test_a_replaced_question_is_not_answered_from_an_old_page(
    node, anna, asked, moment
):
    action = f"/my/questions/{asked}"
    fields = anna.open(action).form(action).fields
    with node.database.transaction() as session:
        ask(session, node, moment.now, days=90)
    anna.send(action, {**fields, "answer": "yes"}, status=409)
    anna.open(action, status=409)
    assert states(node) == []


# --- stopping


def test_stopping_is_one_step_and_holds_for_the_very_next_count(
    node, anna, asked, moment
):
    action = f"/my/questions/{asked}"
    anna.press(anna.open(action), action, answer="yes")
    moment.advance(minutes=5)
    assert is_counted(node, asked)
    page = anna.press(anna.open("/my/sharing"), "/my/stop")
    assert not is_counted(node, asked)
    assert "You stopped it" in page.text
    assert "You are in no table that is made from now on." in page.text


def test_stopping_twice_is_stopping_once(node, anna, asked):
    action = f"/my/questions/{asked}"
    anna.press(anna.open(action), action, answer="yes")
    form = anna.open("/my/sharing").form("/my/stop")
    first = anna.send("/my/stop", form.fields)
    assert anna.send("/my/stop", form.fields) == first
    assert states(node) == [WITHDRAWN]


def test_after_a_no_the_question_can_be_read_again(anna, asked):
    action = f"/my/questions/{asked}"
    anna.press(anna.open(action), action, answer="no")
    links = {link["href"] for link in anna.open("/my/sharing").all("a")}
    assert action in links


def test_paper_consent_is_shown_with_its_day_and_can_be_stopped(
    node, asked, moment, tmp_path
):
    rows = [("person-1", "sheet-1", "given", moment.now.date())]
    mapping = papers(tmp_path / "papers", rows)
    consent.import_claims(node, mapping, moment.now)
    learner = accounts.learner_ref_of(node.keys, "person-1")
    browser = Browser(node).sign_in(learner)
    page = browser.open("/my/sharing")
    assert "on paper, signed on" in page.text
    browser.press(page, "/my/stop")
    assert states(node, learner) == [WITHDRAWN]


# --- nobody else's


@pytest.mark.parametrize("path", [*PLACES, "/my/answers/1", "/my/receipts/1"])
def test_without_a_sign_in_there_is_only_the_sign_in_page(node, asked, path):
    answer = Browser(node).client.get(path, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_a_session_ends_after_some_minutes_without_activity(node, anna, moment):
    assert anna.status("/my") == 200
    moment.advance(minutes=node.settings.session_minutes + 1)
    assert anna.status("/my") == 303


@pytest.mark.parametrize("path", ["/my/answers/1", "/my/receipts/1"])
def test_nobody_sees_the_answer_of_somebody_else(node, anna, asked, moment, path):
    with node.database.transaction() as session:
        say(session, node, asked, GIVEN, moment.now, BILAL)
    anna.open(path, status=404)


def test_nobody_stops_what_somebody_else_shares(node, anna, asked, moment):
    with node.database.transaction() as session:
        say(session, node, asked, GIVEN, moment.now, BILAL)
    anna.send("/my/stop", {"question": asked, "credential": ""}, status=404)
    assert states(node, BILAL) == [GIVEN]


def test_an_unknown_question_is_not_found(anna):
    page = anna.open(f"/my/questions/sha256:{'0' * 64}", status=404)
    assert "Nothing here" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"sec-fetch-site": "cross-site"}, id="another site"),
        pytest.param({"sec-fetch-site": "same-site"}, id="a sister site"),
        pytest.param({"origin": "https://evil.example"}, id="another origin"),
        pytest.param({}, id="an old browser without the token"),
    ],
)
@pytest.mark.parametrize("path", ["answer", "stop"])
def test_a_form_from_elsewhere_changes_nothing(
    node, anna, asked, moment, headers, path
):
    values = {"answer": "yes", "shown": "en", "form_token": "0" * 64}
    target = f"/my/questions/{asked}"
    if path == "stop":
        with node.database.transaction() as session:
            say(session, node, asked, GIVEN, moment.now)
        target, values = "/my/stop", {"question": asked, "credential": ""}
    before = states(node)
    answer = anna.client.post(target, data=values, headers=headers)
    assert answer.status_code == 403
    assert states(node) == before


def test_an_old_browser_is_served_with_the_hidden_token(node, anna, asked):
    action = f"/my/questions/{asked}"
    fields = anna.open(action).form(action).fields
    answer = anna.client.post(action, data={**fields, "answer": "yes"})
    assert answer.status_code == 303
    assert states(node) == [GIVEN]


# --- certificates and references


@pytest.fixture
def three(tmp_path, database_url, moment):
    cities = Cities(tmp_path / "three", database_url, Clock(moment.now))
    with cities.home.database.transaction() as session:
        for partner in (cities.north, cities.east):
            consent.publish_standard_question(
                session,
                cities.home,
                Scope.REFERENCE,
                [partner.origin],
                cities.clock(),
                purpose=PURPOSE,
            )
    yield cities
    cities.close()


@pytest.fixture
def holder(three):
    return Browser(three.home).sign_in(LEARNER)


def question_for(browser, city):
    """The address of the question about letting a city check the certificate."""
    page = browser.open("/my/certificates")
    with browser.node.database.transaction() as session:
        (question,) = (
            q
            for q in consent.current_questions(session, Scope.REFERENCE)
            if q.recipients == (city.origin,)
        )
    (link,) = (
        a["href"] for a in page.all("a") if question.question_id in a.get("href", "")
    )
    return link


def agree_to(browser, city):
    link = question_for(browser, city)
    action = link.partition("?")[0]
    return browser.press(browser.open(link), action, answer="yes")


def test_a_certificate_can_be_shown_to_one_city_and_stopped_with_its_signed_answer(
    three, holder
):
    assert TITLE in holder.open("/my/certificates").text
    page = agree_to(holder, three.north)
    assert "We send Northport a pointer to your certificate." in page.text
    assert jobs.serve_wanted(three.home) == 1
    three.carry()
    text = holder.open("/my/certificates").text
    assert re.search(r"Northport Shared : arrived on", text)
    assert "Eastvale Not shared." in text

    three.clock.advance(days=3)
    holder = Browser(three.home).sign_in(LEARNER)
    page = holder.press(holder.open("/my/certificates"), "/my/stop")
    assert "We are telling Northport" in page.text
    jobs.serve_wanted(three.home)
    assert "has not answered yet" in holder.open("/my/certificates").text
    jobs.send_notices(three.home)
    three.carry()
    answered = re.compile(r"Northport answered on .* with its signature: stopped")
    for path in ("/my", "/my/certificates", "/my/uses"):
        assert answered.search(holder.open(path).text), path


def test_the_slip_is_for_its_learner_only(three, holder):
    agree_to(holder, three.north)
    jobs.serve_wanted(three.home)
    page = holder.open("/my/certificates")
    (link,) = (a["href"] for a in page.all("a") if "/my/slips/" in a.get("href", ""))
    assert "To claim the certificate in Northport" in holder.open(link).text
    other = Browser(three.home).sign_in(OTHER_LEARNER)
    other.open(link, status=404)


def test_a_certificate_of_somebody_else_is_not_found(three, holder):
    link = question_for(holder, three.north)
    action = link.partition("?")[0]
    holder.open(f"{action}?certificate={OTHER_CERTIFICATE}", status=404)
    values = {"answer": "yes", "shown": "en", "certificate": OTHER_CERTIFICATE}
    holder.send(action, values, status=404)
    assert states(three.home, LEARNER) == []


def test_a_question_about_a_certificate_needs_one(three, holder):
    action = question_for(holder, three.north).partition("?")[0]
    holder.open(action, status=404)
    holder.send(action, {"answer": "yes", "shown": "en"}, status=404)


def test_a_no_to_one_city_sends_nothing(three, holder):
    link = question_for(holder, three.north)
    holder.press(holder.open(link), link.partition("?")[0], answer="no")
    assert jobs.serve_wanted(three.home) == 0
    assert "No pointer to a certificate" in holder.open("/my/uses").text


# --- who used my data


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (None, "Counted in “Courses”, January to March 2026, in a small group."),
        (213, "Counted in “Courses”, January to March 2026, in a group of about 210."),
    ],
)
def test_a_use_is_told_in_published_words(moment, shown, words):
    use = CountedIn(
        release_id="sha256:0",
        dataflow_name={"en": "Courses", "ar": "دورات"},
        period="2026-Q1",
        published=True,
        group_size_shown=shown,
        recipients=(NORTHPORT,),
        built_at=moment.now,
    )
    assert Words(Language("en"), NAMES).counted(use) == words
    arabic = Words(Language("ar"), NAMES).counted(use)
    assert "دورات" in arabic
    assert "Counted" not in arabic


def test_a_use_that_is_not_published_is_not_called_a_small_group(moment):
    use = CountedIn(
        release_id="sha256:0",
        dataflow_name={"en": "Courses", "ar": "دورات"},
        period="2026-Q1",
        published=False,
        group_size_shown=None,
        recipients=(NORTHPORT,),
        built_at=moment.now,
    )
    said = Words(Language("en"), NAMES).counted(use)
    assert said == "Counted in “Courses”, January to March 2026; not published yet."
    assert "Counted" not in Words(Language("ar"), NAMES).counted(use)


def test_every_table_that_a_learner_was_counted_in_is_listed(federation, moment):
    committees.agree(federation)
    committees.populate(federation)
    committees.build_all(federation)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        learner = min(members_of_releases(session))
        released = len(sequences_of(session, learner))
        totals = set(session.scalars(sa.select(ReleaseRow.total_shown)))
    text = Browser(node).sign_in(learner).open("/my/uses").text
    assert text.count("Counted in") == released > 0
    assert "Made for" in text
    assert "Eastvale" in text
    assert "Nobody outside this city yet" in text
    for size in re.findall(r"in a group of about (\d+)", text):
        assert any(total and abs(total - int(size)) <= 5 for total in totals)


def test_what_remains_after_a_stop_is_said(federation, moment):
    committees.agree(federation)
    committees.populate(federation)
    committees.build_all(federation)
    node = federation.nodes["lakeside"]
    with node.database.transaction() as session:
        learner = min(members_of_releases(session))
        (question,) = consent.current_questions(session, Scope.AGGREGATES)
        consent.withdraw(
            session,
            node,
            learner,
            question.question_id,
            "en",
            ME,
            Channel.WEB,
            moment.now,
        )
    text = Browser(node).sign_in(learner).open("/my/answers/1").text
    assert "They stay as they are" in text
    assert "Counted in" in text


# --- form


def every_page(browser, asked):
    action = f"/my/questions/{asked}"
    yield action, browser.open(action)
    yield "answered", browser.press(browser.open(action), action, answer="yes")
    for path in PLACES:
        yield path, browser.open(path)
    yield "stopped", browser.press(browser.open("/my/sharing"), "/my/stop")
    yield "404", browser.open("/my/answers/99", status=404)


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_every_page_has_one_heading_a_title_and_a_way_past_the_header(
    node, asked, language
):
    browser = Browser(node, language).sign_in(ANNA)
    for name, page in every_page(browser, asked):
        html = page.all("html")[0]
        assert (html["lang"], html["dir"]) == (
            language,
            Language(language).direction,
        ), name
        assert len(page.all("h1")) == 1, name
        assert len(page.all("title")) == 1, name
        assert page.all("a")[0]["href"] == "#main", name
        assert page.all("main")[0]["id"] == "main", name
        ids = [found["id"] for _, found in page.elements if "id" in found]
        assert len(set(ids)) == len(ids), name
        assert not page.all("script"), name
        assert not any("style" in found for _, found in page.elements), name
        for form in page.forms:
            assert form.method == "post", name
            assert form.fields["form_token"], name


def test_the_arabic_pages_have_no_english_sentence(node, asked):
    browser = Browser(node, "ar").sign_in(ANNA)
    english = [m for m in pages.catalogue("ar") if len(m) > 12 and "%(" not in m]
    for name, page in every_page(browser, asked):
        assert page.all("html")[0]["dir"] == "rtl"
        assert [m for m in english if m in page.text] == [], name


def test_the_language_switch_keeps_the_place(anna, asked):
    page = anna.open("/my/sharing")
    assert {"href": "/my/sharing?lang=ar", "hreflang": "ar", "lang": "ar"}.items() <= (
        page.all("a")[1].items()
    )
    assert anna.open("/my/sharing?lang=ar").all("html")[0]["lang"] == "ar"
    assert anna.open("/my").all("html")[0]["lang"] == "ar"


def test_pages_forbid_scripts_and_are_not_kept(anna):
    headers = anna.client.get("/my").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_the_given_name_is_shown_to_its_own_learner_and_escaped(node, asked, moment):
    identity = accounts.Identity(person_id="1", given_name="<b>Zoë</b>")
    with node.database.transaction() as session:
        accounts.store_identity(session, node, ANNA, identity, moment.now)
    browser = Browser(node).sign_in(ANNA)
    assert "<b>Zoë</b>" in browser.open("/my").text
    assert not browser.open("/my").all("b")


def test_the_stylesheet_is_small_and_knows_no_left_or_right():
    path = pages.PACKAGE / "core" / "static" / "interurban.css"
    style = path.read_text(encoding="utf-8")
    assert len(style.encode()) < 8000
    assert not re.search(r"\b(left|right)\b", re.sub(r"/\*.*?\*/", "", style))


def test_no_template_has_a_script_a_style_or_a_foreign_address():
    for path in pages.PACKAGE.glob("*/templates/*/*.html"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(
            r"<script|<style|\sstyle=|\son[a-z]+=|https?://", source
        ), path


def test_the_reader_of_these_tests_finds_what_is_not_closed():
    with pytest.raises(AssertionError):
        Reader("<p><b>text</p></b>")
    with pytest.raises(AssertionError):
        Reader("<p>text")
