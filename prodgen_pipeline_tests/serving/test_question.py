"""Names in questions: found by the words of the tenant's documents, and by nobody else's."""

from collections.abc import Callable, Iterable

import pytest

from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.redaction import normalise_value
from prodgen_pipeline.governance.secrets import PSEUDONYMS, TenantSecrets, value_key
from prodgen_pipeline.lifecycle.pseudonymization import assign
from prodgen_pipeline.serving.question import RedactedQuestion, redact_question
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.statements import statement
from prodgen_pipeline.storage.tenants import Tenant

MASTER = b"a master key of some length"
#: Nothing but what has a form is found by recognisers, as in most short questions.
CONFIG = RedactionConfig(thresholds={"PERSON": 2.0})
Know = Callable[..., dict[str, str]]
Ask = Callable[..., RedactedQuestion]


@pytest.fixture
def know(databases: Databases, tenant: Tenant) -> Know:
    """Lets a document of the tenant hold names and addresses; returns their tokens."""

    def run(*texts: str, of: Tenant = tenant) -> dict[str, str]:
        labels = {text: "EMAIL_ADDRESS" if "@" in text else "PERSON" for text in texts}
        spelled = {text: (label, normalise_value(label, text)) for text, label in labels.items()}
        keyed = value_key(TenantSecrets(of.tenant_id, {}, lambda: MASTER)(PSEUDONYMS))
        with databases.pipeline.transaction(of.tenant_id) as tx:
            (tokens,) = assign(tx, keyed, [set(spelled.values())])
        return {text: tokens[value] for text, value in spelled.items()}

    return run


@pytest.fixture
def ask(databases: Databases, tenant: Tenant) -> Ask:
    def run(text: str, config: RedactionConfig = CONFIG) -> RedactedQuestion:
        secret = TenantSecrets(tenant.tenant_id, {}, lambda: MASTER)
        with databases.serving.transaction(tenant.tenant_id) as tx:
            return redact_question(tx, text, config, secret)

    return run


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


def test_part_of_a_name_is_met_only_where_it_is_nobody_elses(know: Know, ask: Ask) -> None:
    tokens = know("Anna Schmidt", "Bert Schmidt")
    assert ask("what did bert order").text == f"what did {tokens['Bert Schmidt']} order"
    assert ask("what did Schmidt order").text == "what did Schmidt order"
    know("Bert Brecht")
    assert ask("what did bert order").text == "what did bert order"


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


def test_a_word_that_is_also_a_name_stays_a_word(know: Know, ask: Ask) -> None:
    token = know("Will Turner")["Will Turner"]
    assert ask("what will be delivered").text == "what will be delivered"
    assert ask("did Will pay, and what will he get").text == f"did {token} pay, and what will he get"


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
    values = {"tenant_id": tenant.tenant_id, "labels": ["X"], "value_keys": [b"x"], "at_most": 4}
    with databases.pipeline.transaction(tenant.tenant_id) as tx:
        rows = tx.connection.execute("EXPLAIN " + statement("search.tokens"), {**values, "alias_keys": [b"x" * 32]})
        plan = "\n".join(row[0] for row in rows)
    assert "aliases_pkey" in plan


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
