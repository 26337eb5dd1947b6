"""Every column that can hold text or bytes, and how an erasure deals with it. A test fails on one that is not here.

Belongs here: one line a column. Does not: the clearing (lifecycle.erasure_steps), which names the same steps.
"""

#: Columns that hold text of documents or people, with the step that takes an erased person out of them. Rows of a
#: document that goes altogether go with it.
CLEARED_BY: dict[str, str] = {
    "corpus.documents.uri": "whole_documents",
    "corpus.documents.title": "document_facts",
    "corpus.documents.metadata": "document_facts",
    "corpus.raw_documents.uri": "raw_bytes",
    "corpus.raw_documents.object_key": "raw_bytes",
    "corpus.parsed_documents.title": "parsed_text",
    "corpus.parsed_documents.elements": "parsed_text",
    "corpus.parsed_documents.metadata": "parsed_text",
    "corpus.cleaned_documents.title": "cleaned_text",
    "corpus.cleaned_documents.elements": "cleaned_text",
    "corpus.redacted_documents.title": "redacted_text",
    "corpus.redacted_documents.elements": "redacted_text",
    "corpus.redacted_documents.entities": "redacted_text",
    "corpus.document_chunks.text": "chunk_texts",
    "corpus.document_chunks.embedding_text": "chunk_texts",
    "corpus.document_chunks.heading_path": "chunk_texts",
    "corpus.document_chunks.text_hash": "chunk_texts",
    "corpus.chunk_embeddings.text_hash": "index_again",
    "corpus.index_terms.term": "index_again",
    "corpus.index_terms.postings": "index_again",
    "corpus.pseudonyms.label": "pseudonyms",
    "corpus.pseudonyms.token": "pseudonyms",
    "corpus.pseudonyms.value_key": "pseudonyms",
    "corpus.aliases.alias_key": "pseudonyms",
    "corpus.aliases.token": "pseudonyms",
    "corpus.subject_keys.token": "pseudonyms",
    "corpus.subject_keys.wrapped": "pseudonyms",
    "corpus.originals.token": "pseudonyms",
    "corpus.originals.original_key": "pseudonyms",
    "corpus.originals.sealed": "pseudonyms",
    "corpus.ledger.message": "notes",
    "corpus.runs.error": "notes",
    "corpus.sources.error": "notes",
    "corpus.holds.reason": "notes",
    "prodgen.alerts.message": "notes",
    "prodgen.answers.question": "answers",
    "prodgen.answers.answer": "answers",
    "prodgen.answers.evidence": "answers",
    "prodgen.evaluation_cases.question": "evaluation_cases",
    "prodgen.evaluation_cases.answer": "evaluation_cases",
    "prodgen.evaluation_cases.uris": "evaluation_cases",
    "prodgen.search_samples.question": "search_samples",
    "prodgen.search_samples.filters": "search_samples",
    # As a whole where they name the subject; what quotes a document goes with its row, by a trigger of 0011.
    "prodgen.session_turns.question": "notes",
    "prodgen.session_turns.search_query": "notes",
    "prodgen.session_turns.answer": "notes",
    "prodgen.answer_feedback.comment": "notes",
    "prodgen.proposed_cases.question": "notes",
    "prodgen.proposed_cases.answer": "notes",
    "prodgen.proposed_cases.said": "notes",
}

_AUDIT = "the audit log is append-only: it holds ids, names of accounts and pseudonyms, no values"
_ACCOUNT = "who may act or read: accounts are managed by their own commands"
_SETUP = "how the tenant was set up by a person: change it with its own commands"

#: Columns that an erasure leaves as they are, though a string may stand in them; a receipt says so with this reason.
KEPT: dict[str, str] = {
    "prodgen.audit_log.actor": _AUDIT,
    "prodgen.audit_log.object": _AUDIT,
    "prodgen.audit_log.details": _AUDIT,
    "prodgen.api_keys.user_name": _ACCOUNT,
    "prodgen.api_keys.groups": _ACCOUNT,
    "prodgen.answers.actor": _ACCOUNT,
    "prodgen.search_samples.principals": _ACCOUNT,
    "prodgen.served_releases.actor": _ACCOUNT,
    "prodgen.erasures.actor": _ACCOUNT,
    "prodgen.release_origins.created_by": _ACCOUNT,
    "prodgen.release_origins.reason": _ACCOUNT,
    "prodgen.session_turns.owner": _ACCOUNT,
    "prodgen.session_citations.owner": _ACCOUNT,
    "prodgen.answer_feedback.actor": _ACCOUNT,
    "prodgen.proposed_cases.actor": _ACCOUNT,
    "prodgen.limits.user_name": _ACCOUNT,
    "prodgen.rate_buckets.user_name": _ACCOUNT,
    "prodgen.reservations.user_name": _ACCOUNT,
    "prodgen.usage.user_name": _ACCOUNT,
    "corpus.access_sets.principals": _ACCOUNT,
    "corpus.access_principals.principal": _ACCOUNT,
    "corpus.generations.opened_by": _ACCOUNT,
    "corpus.holds.placed_by": _ACCOUNT,
    "corpus.holds.released_by": _ACCOUNT,
    "corpus.runs.actor": _ACCOUNT,
    "corpus.holds.tokens": "pseudonyms of a subject on hold, behind which nothing is left",
    "corpus.sources.name": _SETUP,
    "corpus.sources.uri": _SETUP,
    "corpus.sources.include": _SETUP,
    "corpus.sources.exclude": _SETUP,
    "corpus.sources.groups": _SETUP,
    "corpus.sources.mirrors": _SETUP,
    "corpus.generations.configuration": _SETUP,
    "prodgen.releases.manifest": _SETUP,
    "prodgen.tenants.name": _SETUP,
    "prodgen.evaluation_cases.case_id": _SETUP,
    "prodgen.evaluation_cases.slice": _SETUP,
}

_HASH = "a hash, keyed or of whole bytes"
_CODE = "a code, an id or a fingerprint of ours"
_COUNTS = "numbers under names of ours"

#: Columns that cannot hold anybody's text, and what they hold. A string that is found there counts as left behind.
NO_TEXT: dict[str, str] = {
    **dict.fromkeys(
        (
            "corpus.access_sets.principals_hash", "corpus.deduped_documents.text_key", "corpus.documents.latest_hash",
            "corpus.holds.subject_key", "corpus.ledger.due_hash",
            "corpus.ledger.failed_hash", "corpus.ledger.input_hash",
            "corpus.ledger.output_hash", "corpus.raw_documents.content_hash", "corpus.suppressions.key",
            "prodgen.api_keys.secret_hash", "prodgen.erasures.target_key", "prodgen.schema_migrations.checksum",
            "prodgen.tenant_keys.wrapped",
        ),
        _HASH,
    ),
    **dict.fromkeys(
        (
            "corpus.aliases.kind", "corpus.chunk_embeddings.model", "corpus.chunk_embeddings.precision",
            "corpus.cleaned_documents.lineage", "corpus.deduped_documents.lineage", "corpus.deferred_removals.cause",
            "corpus.deferred_removals.erasure_id", "corpus.document_chunks.lineage", "corpus.documents.media_type",
            "corpus.documents.sign", "corpus.generations.pins", "corpus.generations.state", "corpus.holds.kind",
            "corpus.ledger.lineage", "corpus.ledger.reason", "corpus.ledger.run_id", "corpus.ledger.stage",
            "corpus.parsed_documents.lineage", "corpus.parsed_documents.media_type", "corpus.raw_documents.run_id",
            "corpus.redacted_documents.lineage", "corpus.runs.kind", "corpus.runs.run_id", "corpus.runs.state",
            "corpus.suppressions.cause", "corpus.suppressions.erasure_id",
            "corpus.suppressions.kind", "prodgen.alerts.kind", "prodgen.alerts.object",
            "prodgen.alerts.severity", "prodgen.answers.answer_id", "prodgen.answers.model", "prodgen.answers.reason",
            "prodgen.answers.release_id", "prodgen.answers.tier", "prodgen.api_keys.key_id", "prodgen.api_keys.role",
            "prodgen.audit_log.action", "prodgen.erasures.erasure_id",
            "prodgen.erasures.kind", "prodgen.erasures.state",
            "prodgen.erasures.found", "prodgen.evaluation_reports.release_id", "prodgen.evaluation_reports.run_id",
            "prodgen.release_origins.release_id", "prodgen.releases.release_id",
            "prodgen.answer_feedback.answer_id", "prodgen.answer_feedback.verdict", "prodgen.proposed_cases.answer_id",
            "prodgen.proposed_cases.origin", "prodgen.session_citations.session_id", "prodgen.session_turns.answer_id",
            "prodgen.session_turns.session_id", "prodgen.session_turns.turn_type",
            "prodgen.schema_migrations.name", "prodgen.search_samples.plan",
            "prodgen.search_samples.release_id", "prodgen.served_releases.release_id", "prodgen.tenant_keys.purpose",
            "prodgen.limits.unit", "prodgen.rate_buckets.unit", "prodgen.budgets.account", "prodgen.budgets.period",
            "prodgen.budget_periods.account", "prodgen.budget_periods.period", "prodgen.reservations.account",
            "prodgen.usage.account", "prodgen.usage.model", "prodgen.usage.prices", "prodgen.usage.tier",
        ),
        _CODE,
    ),
    **dict.fromkeys(
        (
            "corpus.cleaned_documents.rule_counts", "corpus.generations.checks", "corpus.runs.counts",
            "prodgen.answers.timings_ms", "prodgen.erasures.receipt", "prodgen.erasures.steps",
            "prodgen.evaluation_reports.scores",
        ),
        _COUNTS,
    ),
}  # fmt: skip
