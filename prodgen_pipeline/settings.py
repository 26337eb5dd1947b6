"""The only reader of the environment and of prodgen.toml, once, into one frozen tree.

Belongs here: names, defaults, types and where a value came from. Does not: what a value does; rooms take the piece
they need as an argument. What changes a stage's output is a record in core.configuration; what does not (sizes of
batches and pools, addresses, time-outs) is a record here. Secrets come from the environment only and are never shown.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field as Bound
from pydantic import SecretStr, TypeAdapter, ValidationError

from prodgen_pipeline.core.admission import AdmissionConfig
from prodgen_pipeline.core.configuration import (
    ChunkingConfig,
    ChunkingProfile,
    CleaningConfig,
    DeduplicationConfig,
    EmbeddingConfig,
    ParsingConfig,
    PipelineConfig,
    RedactionConfig,
    RetrievalConfig,
    TenantRedaction,
)
from prodgen_pipeline.core.conversation import ConversationConfig, SessionConfig
from prodgen_pipeline.core.conversation.budget import BudgetConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.routing import RoutingConfig, TierConfig, TieringConfig
from prodgen_pipeline.core.spending import SpendingConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

HOME_NAME = ".prodgen"
CONFIG_NAME = "prodgen.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWork:
    """How the pipeline uses this machine; changes no output."""

    #: Worker processes; 0 means one per processor.
    workers: int = 0
    #: Documents in one committed batch; also bounded by `batch_bytes` of raw text.
    batch_documents: int = 32
    batch_bytes: int = 2_000_000
    #: A stage with fewer due documents than this runs in the calling process: starting workers would cost more.
    inline_documents: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How document stores are watched."""

    #: Seconds between two ticks of the sensor and the time that one tick may take.
    interval_seconds: int = 5
    tick_seconds: float = 10.0
    #: A complete listing that lacks more than this share of a source's documents waits for `prodgen source confirm`.
    max_delete_share: float = 0.5
    #: Below this number of documents no delete is a mass delete.
    min_delete_documents: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """The PostgreSQL that prodgen runs itself when no address is given."""

    #: Seconds it lives on after the last command that used it.
    linger_seconds: float = 10.0
    #: As PostgreSQL writes it; empty: a quarter of the memory, at most 2 GB.
    shared_buffers: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The query service."""

    host: str = "127.0.0.1"
    api_port: int = 8000
    #: Processes that share the port.
    workers: int = 1
    ui_port: int = 3000
    max_question_chars: int = 8_000
    max_results: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Text generation through an OpenAI-compatible endpoint; used only when one is configured."""

    #: Of the fast tier; empty: the first model that the endpoint lists.
    model: str = ""
    #: Of the strong tier, for hard questions and answers that do not hold; empty: there is one tier only.
    strong_model: str = ""
    prompt: str = "answer.v2"
    #: Asked with where an answer did not hold.
    strict_prompt: str = "answer_strict.v1"
    max_output_tokens: Annotated[int, Bound(ge=1)] = 600
    timeout_seconds: Annotated[float, Bound(gt=0)] = 30.0
    strong_timeout_seconds: Annotated[float, Bound(gt=0)] = 60.0
    #: What models without a price of their own cost.
    usd_per_million_input_tokens: Annotated[float, Bound(ge=0)] = 1.0
    usd_per_million_output_tokens: Annotated[float, Bound(ge=0)] = 4.0
    strong_usd_per_million_input_tokens: Annotated[float, Bound(ge=0)] = 5.0
    strong_usd_per_million_output_tokens: Annotated[float, Bound(ge=0)] = 20.0
    #: The probability that the fast tier's answer is wrong, above which the strong tier is asked at once, or instead.
    strong_above: Annotated[float, Bound(ge=0, le=1)] = 0.42
    escalate_above: Annotated[float, Bound(ge=0, le=1)] = 0.55
    #: Below this need the documents' own sentences answer though there are models; 0: never.
    extractive_below: Annotated[float, Bound(ge=0, le=1)] = 0.0

    @property
    def tiering(self) -> TieringConfig:
        """The tiers, for a release."""
        fast = TierConfig(
            model=self.model, timeout_seconds=self.timeout_seconds, max_output_tokens=self.max_output_tokens,
            usd_per_million_input_tokens=self.usd_per_million_input_tokens,
            usd_per_million_output_tokens=self.usd_per_million_output_tokens,
        )  # fmt: skip
        strong = TierConfig(
            model=self.strong_model, timeout_seconds=self.strong_timeout_seconds,
            max_output_tokens=self.max_output_tokens,
            usd_per_million_input_tokens=self.strong_usd_per_million_input_tokens,
            usd_per_million_output_tokens=self.strong_usd_per_million_output_tokens,
        )  # fmt: skip
        routing = RoutingConfig(
            strong_above=self.strong_above, escalate_above=self.escalate_above, extractive_below=self.extractive_below
        )
        return TieringConfig(
            fast=fast, strong=strong if self.strong_model else fast, routing=routing, prompt=self.prompt,
            strict_prompt=self.strict_prompt,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingService:
    """How texts are turned into vectors; changes none of them. All but `device` concern a model endpoint."""

    #: Of the local model: "auto" takes a GPU where ONNX Runtime finds one, "cpu" never, "gpu" fails without one.
    device: Literal["auto", "cpu", "gpu"] = "auto"
    #: What the endpoint allows this process; 0: no limit is known. Processes do not share their allowance.
    requests_per_minute: Annotated[int, Bound(ge=0)] = 0
    tokens_per_minute: Annotated[int, Bound(ge=0)] = 0
    #: Texts and tokens of one request, whichever is reached first.
    request_texts: Annotated[int, Bound(ge=1)] = 128
    request_tokens: Annotated[int, Bound(ge=1)] = 32_000
    requests_in_flight: Annotated[int, Bound(ge=1)] = 4
    timeout_seconds: Annotated[float, Bound(gt=0)] = 60.0
    #: How long a failing request is tried again before the run stops. What was embedded until then is kept.
    retry_seconds: Annotated[float, Bound(ge=0)] = 120.0
    #: What the vector of a question may take, tries and waiting included.
    question_seconds: Annotated[float, Bound(gt=0)] = 10.0
    usd_per_million_tokens: Annotated[float, Bound(ge=0)] = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """How the next generation of an index is built beside the one that serves; changes no output."""

    #: Worker processes of a backfill; more make it shorter and searches slower.
    workers: Annotated[int, Bound(ge=1)] = 1
    #: After every batch a backfill rests for this share of the time that the batch took.
    pause_share: Annotated[float, Bound(ge=0)] = 0.25
    #: How long one batch waits at most for a live run, which goes first.
    wait_seconds: Annotated[float, Bound(ge=0)] = 30.0
    #: How long a generation that served before stands by, kept up to date, before its rows are reclaimed.
    soak_hours: Annotated[float, Bound(ge=0)] = 24.0
    #: Before a cut-over: share of the exact hits that the vector index must find.
    min_recall: Annotated[float, Bound(ge=0, le=1)] = 0.97
    #: Before a cut-over: how much lower the recall on the golden set may be than that of what serves.
    max_golden_loss: Annotated[float, Bound(ge=0, le=1)] = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """What wraps tenants' keys in place of the master key: the transit engine of HashiCorp Vault or OpenBao."""

    #: Address of the server, without a path; empty: the master key wraps them.
    kms_url: str = ""
    #: Where the transit engine is mounted, and the name of its key (of the type aes256-gcm96).
    kms_mount: str = "transit"
    kms_key: str = "prodgen"
    kms_timeout_seconds: Annotated[float, Bound(gt=0)] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerService:
    """A reranker with the common `/rerank` interface; used only when PRODGEN_RERANKER_URL names one."""

    #: Empty where the endpoint has but one.
    model: str = ""
    #: The best fused candidates that it is given; all hits where more are asked for.
    depth: Annotated[int, Bound(ge=1, le=1_000)] = 30
    #: What it may take; the order of the fused scores stands where it takes longer.
    timeout_seconds: Annotated[float, Bound(gt=0)] = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalAudit:
    """How the recall of live searches is measured: a sample of them is repeated exactly, in the background."""

    #: Share of searches over HTTP that are kept, redacted, for the audit; 0 for none.
    sample_share: Annotated[float, Bound(ge=0, le=1)] = 0.05
    #: Kept by one process of the query service in a minute, and of one tenant at any time.
    samples_per_minute: Annotated[int, Bound(ge=0)] = 30
    samples_per_tenant: Annotated[int, Bound(ge=1)] = 1_000
    #: The newest samples of a tenant that one audit repeats, and how few say nothing.
    searches: Annotated[int, Bound(ge=1)] = 100
    min_searches: Annotated[int, Bound(ge=1)] = 20
    #: A tenant below this has an alert.
    min_recall: Annotated[float, Bound(ge=0, le=1)] = 0.97
    #: One run of the audit takes no further tenant after this.
    run_seconds: Annotated[float, Bound(gt=0)] = 300.0
    keep_samples_days: Annotated[int, Bound(ge=1)] = 7
    keep_audits_days: Annotated[int, Bound(ge=1)] = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. The environment wins over prodgen.toml, which wins over the defaults.

    Any value can be given as PRODGEN_<NAME>, one inside a section as PRODGEN_<SECTION>__<NAME>.
    """

    home: Path | None = None
    database_url: SecretStr | None = None
    serving_database_url: SecretStr | None = None
    key: SecretStr | None = None
    master_key: SecretStr | None = None
    master_key_file: Path | None = None
    object_store: str | None = None
    config: Path | None = None
    #: Refused until runs on a cluster are there.
    cluster: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    #: The whole address, `/rerank` included.
    reranker_url: str | None = None
    reranker_key: SecretStr | None = None
    #: Of the key management service in `vault.kms_url`.
    kms_token: SecretStr | None = None

    parsing: ParsingConfig = field(default_factory=ParsingConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    deduplication: DeduplicationConfig = field(default_factory=DeduplicationConfig)
    redaction: RedactionConfig = field(default_factory=RedactionConfig)
    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    local: LocalWork = field(default_factory=LocalWork)
    observation: Observation = field(default_factory=Observation)
    embedded: EmbeddedServer = field(default_factory=EmbeddedServer)
    serving: Serving = field(default_factory=Serving)
    generation: Generation = field(default_factory=Generation)
    conversation: ConversationConfig = field(default_factory=ConversationConfig)
    prompt_budget: BudgetConfig = field(default_factory=BudgetConfig)
    sessions: SessionConfig = field(default_factory=SessionConfig)
    spending: SpendingConfig = field(default_factory=SpendingConfig)
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)
    embedding_service: EmbeddingService = field(default_factory=EmbeddingService)
    reranker: RerankerService = field(default_factory=RerankerService)
    retrieval_audit: RetrievalAudit = field(default_factory=RetrievalAudit)
    backfill: Backfill = field(default_factory=Backfill)
    vault: Vault = field(default_factory=Vault)

    @property
    def pipeline(self) -> PipelineConfig:
        """The working configuration of the corpus side, which a new generation pins."""
        return PipelineConfig(
            parsing=self.parsing,
            cleaning=self.cleaning,
            deduplication=self.deduplication,
            redaction=self.redaction,
            chunking=self.chunking,
            embedding=self.embedding,
        )

    def require_home(self) -> Path:
        """Return the home folder; raises ConfigurationError where none was found."""
        if self.home is None:
            raise ConfigurationError(
                f"no {HOME_NAME}/ here or above: run `prodgen up`, `demo`, `migrate` or `tenant add` to make one, "
                "or set PRODGEN_HOME"
            )
        return self.home

    def shown(self) -> dict[str, Any]:
        """Every setting with its value, for `prodgen config show`; secrets only say whether they are set."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}


#: Not PRODGEN_*, because every tool of that field reads these names.
_FOREIGN = {"openai_api_key": "OPENAI_API_KEY", "openai_base_url": "OPENAI_BASE_URL"}
_SECRETS = ("database_url", "serving_database_url", "key", "master_key", "openai_api_key", "reranker_key", "kms_token")


def load_settings(
    environment: Mapping[str, str] | None = None, *, working_folder: Path | None = None, create_home: bool = False
) -> Settings:
    """Read the environment and the configuration file.

    `create_home` makes `.prodgen/` (mode 0700) in the working folder when none is found above it. Raises
    ConfigurationError that names the offending key and where it was set.
    """
    environment = os.environ if environment is None else environment
    folder = working_folder or Path.cwd()
    from_environment = dict(_from_environment(environment))
    path = Path(str(from_environment.get("config") or folder / CONFIG_NAME))
    values = _read_toml(path, required="config" in from_environment)
    for name, value in from_environment.items():
        if isinstance(value, dict):
            values[name] = {**values.get(name, {}), **value}
        else:
            values[name] = value
    values["home"] = _home(values.get("home"), folder, create=create_home)
    try:
        return TypeAdapter(Settings).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"setting {name}: {first['msg']} (in {path.name} or the environment)") from None


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for setting in fields(Settings):
        name = _FOREIGN.get(setting.name, f"PRODGEN_{setting.name.upper()}")
        if environment.get(name):
            yield setting.name, environment[name]
        elif record := _section(setting):
            section = {
                inner.name: environment[key]
                for inner in fields(record)
                if (key := f"{name}__{inner.name.upper()}") in environment
            }
            if section:
                yield setting.name, section


def _section(setting: "Field[Any]") -> "type[DataclassInstance] | None":
    """The record of a section; None for a plain value."""
    factory: Any = setting.default_factory
    return factory if isinstance(factory, type) and is_dataclass(factory) else None


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"PRODGEN_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    _refuse_unknown(values, Settings, path, "")
    return values


def _refuse_unknown(values: dict[str, Any], record: "type[DataclassInstance]", path: Path, prefix: str) -> None:
    known = {item.name: item for item in fields(record)}
    for name, value in values.items():
        if name not in known:
            raise ConfigurationError(f"{path}: unknown setting {prefix}{name}; `prodgen config show` lists them all")
        if name in _SECRETS and record is Settings:
            raise ConfigurationError(f"{path}: {name} is a secret and comes from the environment only")
        section = _section(known[name])
        if isinstance(value, dict) and section:
            _refuse_unknown(value, section, path, f"{prefix}{name}.")
        if isinstance(value, dict) and (inner := _NAMED_RECORDS.get((record, name))):
            for key, values_of_one in value.items():
                if isinstance(values_of_one, dict):
                    _refuse_unknown(values_of_one, inner, path, f"{prefix}{name}.{key}.")


#: Settings that hold a record by a name that the user gives.
_NAMED_RECORDS: "dict[tuple[type, str], type[DataclassInstance]]" = {
    (ChunkingConfig, "profiles"): ChunkingProfile,
    (RedactionConfig, "tenants"): TenantRedaction,
}


def _home(given: str | None, folder: Path, *, create: bool) -> Path | None:
    if given:
        home = Path(given).expanduser().absolute()
        if create or home.is_dir():
            return _make_home(home)
        raise ConfigurationError(f"PRODGEN_HOME names {home}, which does not exist: `prodgen migrate` makes it")
    for parent in (folder.absolute(), *folder.absolute().parents):
        if (parent / HOME_NAME).is_dir():
            return parent / HOME_NAME
    return _make_home(folder.absolute() / HOME_NAME) if create else None


def _make_home(home: Path) -> Path:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make {home}: {error.strerror}") from None
    return home


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, SecretStr):
        return "(set)"
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value) if isinstance(value, Path) else value
