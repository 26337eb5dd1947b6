"""Names in questions: found by the words of the tenant's documents, and by nobody else's."""

import itertools
from collections.abc import Callable, Iterable, Sequence

import pytest

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import EntitySpan, Reader
from prodgen_pipeline.core.redaction import normalise_value
from prodgen_pipeline.core.redaction.names import FindNames
from prodgen_pipeline.governance.secrets import PSEUDONYMS, value_key
from prodgen_pipeline.lifecycle.pseudonymization import assign
from prodgen_pipeline.serving.question import RedactedQuestion, Secret, redact_question
from prodgen_pipeline.storage import generations
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.statements import statement
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests import index_rows

#: Nothing but what has a form is found by recognisers, as in most short questions.
CONFIG = RedactionConfig(thresholds={"PERSON": 2.0})
Know = Callable[..., dict[str, str]]
Ask = Callable[..., RedactedQuestion]


@pytest.fixture
def know(databases: Databases, tenant: Tenant) -> Know:
    """Lets a document of the tenant hold names and addresses; returns their tokens."""

    n_documents = itertools.count()

    def run(*texts: str, of: Tenant = tenant, readers: str = "*") -> dict[str, str]:
        labels = {text: "EMAIL_ADDRESS" if "@" in text else "PERSON" for text in texts}
        spelled = {text: (label, normalise_value(label, text)) for text, label in labels.items()}
        keyed = value_key(secret_of(of)(PSEUDONYMS))
        with databases.pipeline.transaction(of.tenant_id) as tx:
            (tokens,) = assign(tx, keyed, [set(spelled.values())])
            if not generations.living(tx):
                index_rows.open_generation(tx)
            index_rows.write_documents(
                tx, [[" ".join(tokens.values())]], principals=[readers], prefix=f"{next(n_documents)}-"
            )
        return {text: tokens[value] for text, value in spelled.items()}

    return run


@pytest.fixture
def ask(databases: Databases, tenant: Tenant) -> Ask:
    def run(text: str, config: RedactionConfig = CONFIG, names: FindNames | None = None) -> RedactedQuestion:
        with databases.serving.transaction(tenant.tenant_id, Reader(user="ann")) as tx:
            return redact_question(tx, text, config, secret_of(tenant), generation_id=1, names=names)

    return run


def secret_of(tenant: Tenant) -> Secret:
    return lambda purpose: f"{purpose} of {tenant.tenant_id}".encode()


@pytest.mark.parametrize(
    "question",
    ["what did {} order", "What did {} order?", "Orders of {}, please", "{}", 'is "{}" a customer; since when?'],
)
@pytest.mark.parametrize(
    "spelling", ["anna schmidt", "Anna Maria Schmidt", "Schmidt, Anna", "ANNA SCHMIDT", "Anna M. Schmidt"]
)
def test_a_person_is_met_however_the_question_writes_the_name(
    know: Know, ask: Ask, question: str, spelling: str
) -> None:
    token = know("Dr. Anna Maria Schmidt")["Dr. Anna Maria Schmidt"]
    found = ask(question.format(spelling))
    assert found.text == question.format(token)
    assert found.spoken == question.format("person")


def test_a_listed_name_alone_means_all_who_have_it(know: Know, ask: Ask) -> None:
    tokens = know("Anna Schmidt", "Bert Schmidt")
    assert ask("what did bert order").text == f"what did {tokens['Bert Schmidt']} order"
    both = " ".join(sorted(tokens.values()))
    assert ask("what did Schmidt order").text == f"what did {both} order"
    another = know("Bert Brecht")["Bert Brecht"]
    either = " ".join(sorted((tokens["Bert Schmidt"], another)))
    assert ask("what did bert order").text == f"what did {either} order"


def test_a_word_that_documents_show_is_a_word_though_it_is_in_a_name_too(
    know: Know, ask: Ask, databases: Databases, tenant: Tenant
) -> None:
    token = know("Clark E. Influenza")["Clark E. Influenza"]
    assert ask("deaths of influenza").text == f"deaths of {token}"
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        index_rows.write_documents(tx, [["influenza epidemics"]], principals=["user:bob"], prefix="hidden")
    assert ask("deaths of influenza").text == f"deaths of {token}"
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        index_rows.write_documents(tx, [["yearly influenza"]], principals=["*"], prefix="shown")
    assert ask("deaths of influenza").text == "deaths of influenza"


def test_a_name_that_several_have_means_all_of_them(know: Know, ask: Ask) -> None:
    maria, lena = know("Anna Maria Schmidt"), know("Anna Lena Schmidt")
    both = " ".join(sorted((*maria.values(), *lena.values())))
    assert ask("orders of Anna Schmidt").text == f"orders of {both}"
    exact = know("Anna Schmidt")["Anna Schmidt"]
    assert ask("orders of Anna Schmidt").text == f"orders of {exact}"


def test_an_address_means_its_owner_and_an_unknown_one_is_a_type_word(know: Know, ask: Ask) -> None:
    token = know("Anna Schmidt", "anna.schmidt@acme.org")["Anna Schmidt"]
    assert ask("orders of Anna.Schmidt@acme.org").text == f"orders of {token}"
    assert ask("orders of nobody@acme.org").text == "orders of email address"


def test_what_only_others_may_read_is_as_unknown_as_what_nobody_holds(know: Know, ask: Ask) -> None:
    know("Anna Schmidt", "anna.schmidt@acme.org", "Carla Maria Gross", readers="group:board")
    for question in ("orders of {}", "did {} pay, and has {} paid before?"):
        for theirs, nobodys in (("anna schmidt", "hans muster"), ("Schmidt", "Muster"), ("carla gross", "jo klein")):
            for config in (CONFIG, RedactionConfig()):
                found, other = (
                    ask(question.format(theirs, theirs), config),
                    ask(question.format(nobodys, nobodys), config),
                )
                assert found.text == found.asked
                assert other.text == other.asked
    assert ask("anna.schmidt@acme.org").text == ask("hans.muster@acme.org").text == "email address"
    # What is kept of it says that somebody was named, and not who.
    assert ask("orders of anna schmidt").kept == "orders of person"


def test_a_namesake_that_only_others_may_read_about_changes_nothing(know: Know, ask: Ask) -> None:
    token = know("Anna Maria Schmidt")["Anna Maria Schmidt"]
    before = [ask(text).text for text in ("orders of anna schmidt", "Schmidt")]
    know("Anna Lena Schmidt", readers="group:board")
    assert [ask(text).text for text in ("orders of anna schmidt", "Schmidt")] == before == [f"orders of {token}", token]


def test_a_word_that_is_also_a_name_stays_a_word(know: Know, ask: Ask) -> None:
    token = know("Will Turner")["Will Turner"]
    assert ask("what will be delivered").text == "what will be delivered"
    assert ask("did Will pay, and what will he get").text == f"did {token} pay, and what will he get"
    know("The Quellwasser", "Bridge Quellwasser")
    for question in ("what is the length of the bridge", "Did The shop open", "The length, in m"):
        assert "<PERSON" not in ask(question).text


def test_what_another_tenant_holds_is_as_unknown_as_what_nobody_holds(
    know: Know, ask: Ask, make_tenant: Callable[[str], Tenant]
) -> None:
    know("Anna Schmidt", "anna.schmidt@acme.org", of=make_tenant("other"))
    for theirs, nobodys in (("anna schmidt", "hans muster"), ("anna.schmidt@acme.org", "hans.muster@acme.org")):
        assert ask(f"orders of {theirs}").text.replace(theirs, nobodys) == ask(f"orders of {nobodys}").text


def test_the_lookup_reads_an_index_however_many_names_there_are(
    know: Know, databases: Databases, tenant: Tenant
) -> None:
    know(*(f"Given{number} Family{number}" for number in range(400)))
    values = {"tenant_id": tenant.tenant_id, "labels": ["X"] * 40, "value_keys": [b"x"] * 40, "at_most": 4}
    reads = "SELECT sum(seq_scan), sum(idx_scan) > 0 FROM pg_stat_xact_user_tables WHERE relname IN (%s, %s)"
    with databases.serving.transaction(tenant.tenant_id) as tx:
        tx.connection.execute(statement("search.tokens"), {**values, "alias_keys": [b"x" * 32] * 40})
        assert tx.connection.execute(reads, ["aliases", "pseudonyms"]).fetchone() == (0, True)


def test_a_name_that_no_document_has_is_searched_as_asked_and_kept_as_its_type(know: Know, ask: Ask) -> None:
    token = know("Anna Schmidt")["Anna Schmidt"]
    found = ask("Did Anna Schmidt call Bert Brecht from 030 1234567?", RedactionConfig())
    assert found.text == f"Did {token} call Bert Brecht from phone number?"
    assert found.spoken == "Did person call Bert Brecht from phone number?"
    assert found.kept == f"Did {token} call person from phone number?"


def test_the_asker_sees_the_question_as_it_was_asked_whatever_the_tenant_knows(know: Know, ask: Ask) -> None:
    know("Anna Schmidt")
    for question in ("orders of anna schmidt", "orders of hans muster", "orders of nobody@acme.org, Bert Brecht"):
        assert ask(question, RedactionConfig()).asked == question


def test_an_endpoint_is_sent_an_unknown_name_only_beside_texts_that_have_it(know: Know, ask: Ask) -> None:
    token = know("Anna Schmidt")["Anna Schmidt"]
    question = ask("Did Anna Schmidt meet Bert Brecht?", RedactionConfig())
    assert question.sent_with(["A play by BERT BRECHT."]) == f"Did {token} meet Bert Brecht?"
    assert question.sent_with(["Anna Schmidt, Bert Brechtel", ""]) == f"Did {token} meet person?"


def test_what_the_language_pipeline_finds_is_not_kept_and_changes_nothing_that_is_searched(ask: Ask) -> None:
    def names(texts: Sequence[str]) -> list[list[EntitySpan]]:
        return [
            [EntitySpan(start=at, end=at + 19, label="PERSON", score=0.9)] if (at := text.find("Xav")) >= 0 else []
            for text in texts
        ]

    plain = ask("Is Xaveria Quellwasser ill?", RedactionConfig())
    read = ask("Is Xaveria Quellwasser ill?", RedactionConfig(), names)
    assert (plain.kept, read.kept) == ("Is Xaveria Quellwasser ill?", "Is person ill?")
    assert plain.text == read.text == "Is Xaveria Quellwasser ill?"


def test_a_question_in_small_letters_is_read_under_strict_only(ask: Ask) -> None:
    read: list[str] = []

    def names(texts: Sequence[str]) -> list[list[EntitySpan]]:
        read.extend(texts)
        return [[] for _ in texts]

    ask("is quellwasser ill", RedactionConfig(), names)
    assert not read
    ask("is robert quellwasser ill", RedactionConfig(policy="strict"), names)
    assert read


@pytest.mark.parametrize(("action", "expected"), [("keep", "a@x.org"), ("mask", "*******"), ("drop", "")])
def test_a_question_is_treated_as_documents_are(ask: Ask, action: str, expected: str) -> None:
    config = RedactionConfig(actions={"EMAIL_ADDRESS": action})
    assert ask("from a@x.org", config).text == f"from {expected}"


def test_a_question_without_words_is_left_as_it_is(ask: Ask) -> None:
    for text in ("", "?", "   ", "<PERSON_7f3a>", "\x00"):
        assert ask(text).text == text.replace("\x00", " ")


def words(n: int) -> Iterable[str]:
    return (f"word{number}" for number in range(n))


def test_a_name_far_into_a_long_question_is_left_to_the_recognisers(know: Know, ask: Ask) -> None:
    token = know("Anna Schmidt")["Anna Schmidt"]
    assert token in ask(" ".join((*words(100), "anna schmidt"))).text
    assert token not in ask(" ".join((*words(2000), "anna schmidt"))).text
