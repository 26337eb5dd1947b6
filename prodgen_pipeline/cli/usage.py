"""`prodgen usage`: what a tenant's questions and its indexing used, and how its budgets stand."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from prodgen_pipeline.cli.output import print_json, print_table
from prodgen_pipeline.cli.parameters import AsJson, TenantName

if TYPE_CHECKING:
    from prodgen_pipeline.storage.budgets import Budget, Differences, UsageRow


def usage(
    tenant_name: TenantName,
    period: Annotated[Literal["day", "month"], typer.Option(help="Sum up by day or by month (UTC).")] = "month",
    days: Annotated[int, typer.Option(min=1, max=3_660, help="Of the last so many days.")] = 31,
    as_json: AsJson = False,
) -> None:
    """Show requests, tokens and dollars by user, tier and model, and how the budgets stand."""
    from prodgen_pipeline.cli.session import open_tenant
    from prodgen_pipeline.storage import budgets

    with (
        open_tenant("usage", tenant_name) as (session, tenant),
        session.databases.pipeline.transaction(tenant.tenant_id) as tx,
    ):
        rows, differences = budgets.usage(tx, period, days=days), budgets.differences(tx, days=days)
        standing = budgets.list_all(tx)
    if as_json:
        print_json(
            {
                "usage": [_row(row) for row in rows],
                "budgets": [_budget(each) for each in standing],
                "reservations": _differences(differences),
            }
        )
        return
    _print_usage(rows)
    print()
    _print_budgets(standing)
    if differences.p95_usd is not None:
        print(
            f"\nset aside and given back, of {differences.answers:,} answers: median {differences.p50_usd:.6f} USD, "
            f"p95 {differences.p95_usd:.6f} USD"
        )


def _row(row: "UsageRow") -> dict[str, Any]:
    return {
        "period": row.starts_on, "account": row.account, "user": row.user_name, "tier": row.tier,
        "model": row.model or None, "requests": row.requests, "cache_hits": row.cache_hits,
        "input_tokens": row.input_tokens, "output_tokens": row.output_tokens, "usd": float(row.usd),
        "reserved_usd": float(row.reserved_usd), "settled_usd": float(row.settled_usd),
        "refunded_usd": float(row.reserved_usd - row.settled_usd), "prices": row.prices or [],
    }  # fmt: skip


def _budget(budget: "Budget") -> dict[str, Any]:
    return {
        "account": budget.account, "period": budget.period, "usd": float(budget.usd),
        "spent_usd": float(budget.spent_usd), "reserved_usd": float(budget.reserved_usd), "share": _share(budget),
        "hard_stop": budget.hard_stop, "ends_at": budget.ends_at,
    }  # fmt: skip


def _differences(found: "Differences") -> dict[str, Any]:
    return {
        "answers": found.answers, "reserved_usd": float(found.reserved_usd), "settled_usd": float(found.settled_usd),
        "difference_p50_usd": found.p50_usd, "difference_p95_usd": found.p95_usd,
    }  # fmt: skip


def _share(budget: "Budget") -> float:
    return round(float(budget.spent_usd / budget.usd), 4) if budget.usd else 1.0


def _print_usage(rows: "list[UsageRow]") -> None:
    columns = (
        "from",
        "account",
        "user",
        "tier",
        "model",
        "requests",
        "cache hits",
        "tokens in",
        "out",
        "USD",
        "refunds",
    )
    print_table(
        columns,
        [
            (
                row.starts_on, row.account, row.user_name or "-", row.tier, row.model or "-", row.requests,
                row.cache_hits, row.input_tokens, row.output_tokens, float(row.usd),
                float(row.reserved_usd - row.settled_usd),
            )
            for row in rows
        ],
        empty="nothing was used",
    )  # fmt: skip


def _print_budgets(standing: "list[Budget]") -> None:
    print_table(
        ("budget", "USD", "spent", "set aside", "share", "then", "until"),
        [
            (
                f"{each.account}, {each.period}", float(each.usd), float(each.spent_usd), float(each.reserved_usd),
                f"{_share(each):.1%}", "refuse all" if each.hard_stop else "extracts only", each.ends_at,
            )
            for each in standing
        ],
        empty="no budgets",
    )  # fmt: skip
