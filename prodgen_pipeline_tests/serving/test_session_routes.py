"""Sessions and feedback: whose they are, what is dropped from them and why, and what is left of a deleted one."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import pytest
from fastapi import FastAPI, Header
from fastapi.testclient import TestClient

from prodgen_pipeline.core.conversation import SessionConfig, understand
from prodgen_pipeline.core.conversation.budget import BudgetConfig
from prodgen_pipeline.core.conversation.history import LostReason
from prodgen_pipeline.core.errors import NotFound, UsageError
from prodgen_pipeline.core.models import Answer, Reader
from prodgen_pipeline.governance import keys, rights
from prodgen_pipeline.governance.keys import Actor, NewKey
from prodgen_pipeline.governance.secrets import reading_secrets
from prodgen_pipeline.serving import conversation
from prodgen_pipeline.serving.ask import AskResult
from prodgen_pipeline.serving.conversation import fit, redactor, session_reader
from prodgen_pipeline.serving.metrics import Metrics
from prodgen_pipeline.serving.middleware import RequestFrame
from prodgen_pipeline.serving.problems import answer_errors_with_problems
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.serving.session_routes import session_routes
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage import sessions
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.tenants import Tenant

MakeKey = Callable[..., NewKey]
Say = Callable[..., AskResult]
CONFIG = SessionConfig()


@pytest.fixture
def say(query_service: QueryService, acme: Tenant) -> Say:
    """Ask a question as a turn of a session."""

    def asked(text: str, session: str, *, user: str = "ann", groups: tuple[str, ...] = ()) -> AskResult:
        reader = Reader(user=user, groups=groups)
        return query_service.ask(acme, text, reader=reader, actor=f"user:{user}", session=session)

    return asked


@pytest.fixture
def client(served: Databases, served_settings: Settings) -> Iterator[TestClient]:
    def acting(action: str) -> Callable[..., Actor]:
        def who(authorization: Annotated[str, Header()] = "") -> Actor:
            actor = keys.authenticate(served.serving, authorization.removeprefix("Bearer "))
            rights.require(actor, action)
            return actor

        return who

    def redact_for(actor: Actor) -> conversation.Redact:
        secret = reading_secrets(served_settings, served.serving, actor.tenant.tenant_id)
        return redactor(served_settings.redaction, secret)

    app = FastAPI()
    answer_errors_with_problems(app)
    app.add_middleware(RequestFrame, metrics=Metrics(), max_body_bytes=100_000)
    app.include_router(session_routes(served.serving, CONFIG, acting, redact_for))
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def as_key(made: NewKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {made.key}"}


def loaded(served: Databases, tenant: Tenant, session: str, *, groups: tuple[str, ...] = ()) -> conversation.History:
    reader = session_reader(Reader(user="ann", groups=groups), "user:ann")
    with served.serving.transaction(tenant.tenant_id, reader) as tx:
        return conversation.load(tx, reader.owner, session, CONFIG, now=datetime.now(UTC))


def test_a_follow_up_is_searched_with_the_words_of_the_turn_before(served: Databases, say: Say, acme: Tenant) -> None:
    say("How many days of annual leave does everybody have?", "s-follow")
    second = say("And how far ahead must I ask for it?", "s-follow")
    assert [cited.uri for cited in second.answer.citations] == ["leave.md"]
    history = loaded(served, acme, "s-follow")
    assert [turn.turn_type.value for turn in history.turns] == ["new", "follow_up"]
    assert "leave" in history.turns[1].search_query
    assert history.turns[0].cited[0].access_id > 0
    assert history.turns[1].query_from == (history.turns[0].turn_id,)


def test_a_session_of_somebody_else_and_one_that_never_was_are_the_same(
    say: Say, client: TestClient, acme: Tenant, globex: Tenant, make_key: MakeKey
) -> None:
    say("How many days of annual leave does everybody have?", "s-own")
    ann, bob, foreign = make_key(acme), make_key(acme, "bob"), make_key(globex)
    shown = client.get("/v1/sessions/s-own", headers=as_key(ann)).json()
    assert [turn["question"] for turn in shown["turns"]] == ["How many days of annual leave does everybody have?"]
    details = set()
    for made in (bob, foreign):
        for session in ("s-own", "s-never"):
            for method in ("GET", "DELETE"):
                answered = client.request(method, f"/v1/sessions/{session}", headers=as_key(made))
                assert answered.status_code == 404
                details.add(answered.json()["detail"])
    assert len(details) == 1
    assert client.get("/v1/sessions/s-own", headers=as_key(make_key(acme, role="auditor"))).status_code == 403
    assert client.get("/v1/sessions/bad%20id", headers=as_key(ann)).status_code == 422
    assert len(client.get("/v1/sessions/s-own", headers=as_key(ann)).json()["turns"]) == 1


def test_nothing_is_left_of_a_session_that_is_deleted(
    served: Databases, say: Say, client: TestClient, acme: Tenant, make_key: MakeKey
) -> None:
    say("How many days of annual leave does everybody have?", "s-gone")
    say("Why?", "s-gone")
    headers = as_key(make_key(acme))
    assert client.delete("/v1/sessions/s-gone", headers=headers).status_code == 204
    assert client.get("/v1/sessions/s-gone", headers=headers).status_code == 404
    with served.pipeline.transaction(acme.tenant_id) as tx:
        for table in ("session_turns", "session_citations"):
            left = tx.connection.execute(f"SELECT count(*) FROM prodgen.{table} WHERE session_id = 's-gone'").fetchone()
            assert left == (0,)


def test_a_turn_is_dropped_when_the_right_to_what_it_cites_is_lost(served: Databases, say: Say, acme: Tenant) -> None:
    say("What is the bonus of the directors?", "s-right", groups=("board",))
    say("Why is it so high?", "s-right", groups=("board",))
    assert not loaded(served, acme, "s-right", groups=("board",)).lost
    history = loaded(served, acme, "s-right")
    assert [each.reason for each in history.lost][:1] == [LostReason.NOT_READABLE]
    assert "bonus" not in str(conversation.listing(history, "s-right")).lower()
    assert "40,000" not in str(conversation.listing(history, "s-right"))


def test_a_correction_is_filed_for_review_and_the_query_side_cannot_read_it(
    served: Databases, say: Say, acme: Tenant
) -> None:
    first = say("How many days of annual leave does everybody have?", "s-wrong")
    say("That's wrong, it is 30 days.", "s-wrong")
    with served.pipeline.transaction(acme.tenant_id) as tx:
        filed = [case for case in sessions.proposed_cases(tx) if case.answer_id == first.answer_id]
        assert [(case.origin, case.said) for case in filed] == [("from correction", "That's wrong, it is 30 days.")]
        assert filed[0].answer == first.answer.text
        assert sessions.mark_reviewed(tx, first.answer_id, "from correction")
        assert not sessions.mark_reviewed(tx, first.answer_id, "from correction")
    with (
        served.serving.transaction(acme.tenant_id, Reader(user="ann")) as tx,
        pytest.raises(Exception, match="permission denied"),
    ):
        sessions.proposed_cases(tx)


def test_feedback_is_kept_redacted_for_one_s_own_answers_only(
    served: Databases, say: Say, client: TestClient, acme: Tenant, make_key: MakeKey
) -> None:
    answer_id = say("How many days of annual leave does everybody have?", "s-fed").answer_id
    body = {"answer_id": answer_id, "verdict": "down", "text": "Ask jo.doe@example.org, who knows."}
    ann, bob = as_key(make_key(acme)), as_key(make_key(acme, "bob"))
    for headers, sent in ((bob, body), (ann, {**body, "answer_id": "f" * 32})):
        answered = client.post("/v1/feedback", json=sent, headers=headers)
        assert (answered.status_code, "no such answer of yours" in answered.text) == (404, True)
    assert client.post("/v1/feedback", json=body, headers=ann).status_code == 204
    assert client.post("/v1/feedback", json={**body, "verdict": "sideways"}, headers=ann).status_code == 422
    with served.pipeline.transaction(acme.tenant_id) as tx:
        row = tx.connection.execute(
            "SELECT verdict, comment FROM prodgen.answer_feedback WHERE answer_id = %s", [answer_id]
        ).fetchone()
        entries = [each for each in tx.dicts("tenants.audit_list") if each["object"] == answer_id]
    assert row is not None
    assert row[0] == "down"
    assert "jo.doe" not in row[1]
    assert "answer.feedback" in {each["action"] for each in entries}
    assert "knows" not in str(entries)
    assert client.post("/v1/feedback", json={**body, "verdict": "up", "text": ""}, headers=ann).status_code == 204
    with served.serving.transaction(acme.tenant_id, Reader(user="ann")) as tx, pytest.raises(UsageError):
        conversation.give_feedback(tx, "user:ann", answer_id, "maybe", "", redact=lambda tx, text: text)


def test_old_sessions_expire_as_a_whole(served: Databases, say: Say, acme: Tenant) -> None:
    say("How many days of annual leave does everybody have?", "s-old")
    reader = session_reader(Reader(user="ann"), "user:ann")
    later = datetime.now(UTC) + timedelta(days=CONFIG.retention_days + 1)
    with served.serving.transaction(acme.tenant_id, reader) as tx, pytest.raises(NotFound):
        conversation.load(tx, reader.owner, "s-old", CONFIG, now=later)
    with served.pipeline.transaction(acme.tenant_id) as tx:
        assert sessions.expire(tx, days=CONFIG.retention_days) == 0
        tx.connection.execute(
            "UPDATE prodgen.session_turns SET at = now() - interval '31 days' WHERE session_id = 's-old'"
        )
        assert sessions.expire(tx, days=CONFIG.retention_days) == 1


def test_what_is_read_for_an_answer_fits_its_window(served: Databases, say: Say, acme: Tenant) -> None:
    found = say("How many days of annual leave does everybody have?", "s-fit")
    say("And why?", "s-fit")
    history = loaded(served, acme, "s-fit")
    wide = fit(history, found.found.hits, BudgetConfig(), system="rules", size=len)
    assert wide.history.startswith("User: How many days")
    assert len(wide.evidence) == len(found.found.hits)
    narrow = BudgetConfig(window_tokens=260, answer_tokens=20)
    small = fit(history, found.found.hits, narrow, system="rules", size=len)
    assert len(small.history) + sum(len(hit.text) for hit in small.evidence) <= 260
    assert small.allocation.dropped


def test_a_narrowed_question_stays_in_its_asker_s_session_without_its_asker_s_rights() -> None:
    narrowed = session_reader(Reader(groups=("board",)), "user:ann")
    assert narrowed.owner == session_reader(Reader(user="ann"), "user:ann").owner
    assert narrowed.principals == ("*", "group:board", "actor:user:ann")


def test_a_refused_answer_is_a_turn_without_citations(served: Databases, acme: Tenant) -> None:
    reader = session_reader(Reader(user="ann"), "user:ann")
    understood = understand((), "Who wrote Hamlet?")
    with served.serving.transaction(acme.tenant_id, reader) as tx:
        conversation.keep(
            tx, reader.owner, "s-refused", understood, question="Who wrote Hamlet?",
            answer=Answer(text="nothing", refused=True, reason="no_evidence"), answer_id="r" * 32,
        )  # fmt: skip
        history = conversation.load(tx, reader.owner, "s-refused", CONFIG, now=datetime.now(UTC))
    assert history.last is not None
    assert (history.last.refused, history.last.cited) == (True, ())


@pytest.mark.parametrize("route", ["GET /v1/sessions/s-any", "DELETE /v1/sessions/s-any", "POST /v1/feedback"])
def test_a_route_answers_the_roles_of_the_table_and_no_other(
    client: TestClient, acme: Tenant, make_key: MakeKey, route: str
) -> None:
    method, path = route.split(" ")
    body = {"answer_id": "f" * 32, "verdict": "up"} if method == "POST" else None
    action = route.replace("s-any", "{session_id}")
    for role in rights.ROLES:
        answered = client.request(method, path, headers=as_key(make_key(acme, "carl", role=role)), json=body)
        assert answered.status_code == (404 if role in rights.RIGHTS[action] else 403), role
    for headers in ({}, {"Authorization": "Bearer pg_1_000000000000_" + "A" * 43}):
        assert client.request(method, path, headers=headers, json=body).status_code == 401
