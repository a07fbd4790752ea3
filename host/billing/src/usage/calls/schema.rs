//! The tables of metered calls.
//!
//! `usage_open_calls` is what is reserved (`open.rs`); a call that has a row of its own is not open any more.
//!
//! Amounts of money that are sums have two columns, thousandths of a dollar and the pico-USD beyond
//! them: SQLite's integers have 64 bits, and ten million dear rows do not fit into one.

pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE usage_calls (
        seq INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL, id TEXT NOT NULL,
        agent TEXT NOT NULL, session TEXT, run TEXT, method TEXT NOT NULL,
        provider TEXT NOT NULL, model_requested TEXT NOT NULL, model_served TEXT, provider_request_id TEXT,
        input_uncached INTEGER NOT NULL, input_cache_read INTEGER NOT NULL, input_cache_write INTEGER NOT NULL,
        input_cache_write_1h INTEGER NOT NULL, output_text INTEGER NOT NULL, output_reasoning INTEGER NOT NULL,
        tool_calls INTEGER NOT NULL, cost_pico_usd INTEGER NOT NULL, rate_card_version TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL, first_token_at_ms INTEGER, ended_at_ms INTEGER, outcome TEXT NOT NULL,
        UNIQUE (tenant, id)
    ) STRICT;
    CREATE TABLE usage_reservations (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, agent TEXT NOT NULL, session TEXT, run TEXT, method TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, rate_card_version TEXT NOT NULL,
        input_uncached INTEGER NOT NULL, input_cache_read INTEGER NOT NULL, input_cache_write INTEGER NOT NULL,
        input_cache_write_1h INTEGER NOT NULL, output_text INTEGER NOT NULL, output_reasoning INTEGER NOT NULL,
        cost_pico_usd INTEGER NOT NULL, sandbox_ms INTEGER NOT NULL, day_ms INTEGER NOT NULL,
        started_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, owner INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_days (
        tenant TEXT NOT NULL, agent TEXT NOT NULL, day_ms INTEGER NOT NULL,
        cost_milli INTEGER NOT NULL DEFAULT 0, cost_pico INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL DEFAULT 0, sandbox_ms INTEGER NOT NULL DEFAULT 0,
        reserved_milli INTEGER NOT NULL DEFAULT 0, reserved_pico INTEGER NOT NULL DEFAULT 0,
        reserved_tokens INTEGER NOT NULL DEFAULT 0, reserved_sandbox_ms INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, agent, day_ms)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_rollups (
        unit TEXT NOT NULL, start_ms INTEGER NOT NULL, tenant TEXT NOT NULL, agent TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, rate_card_version TEXT NOT NULL,
        requests INTEGER NOT NULL, estimated INTEGER NOT NULL,
        input_uncached INTEGER NOT NULL, input_cache_read INTEGER NOT NULL, input_cache_write INTEGER NOT NULL,
        input_cache_write_1h INTEGER NOT NULL, output_text INTEGER NOT NULL, output_reasoning INTEGER NOT NULL,
        tool_calls INTEGER NOT NULL, cost_milli INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
        PRIMARY KEY (unit, start_ms, tenant, agent, provider, model, rate_card_version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_refused_calls (
        quarter_ms INTEGER NOT NULL, tenant TEXT NOT NULL, agent TEXT NOT NULL, provider TEXT NOT NULL,
        model TEXT NOT NULL, rate_card_version TEXT NOT NULL, refused INTEGER NOT NULL,
        PRIMARY KEY (tenant, quarter_ms, agent, provider, model, rate_card_version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_metered (
        tenant TEXT NOT NULL, id TEXT NOT NULL, agent TEXT NOT NULL, session TEXT, run TEXT,
        kind TEXT NOT NULL, amount INTEGER NOT NULL, at_ms INTEGER NOT NULL, estimated INTEGER NOT NULL,
        PRIMARY KEY (tenant, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_metered_by_time ON usage_metered (tenant, kind, at_ms);
    CREATE TABLE rate_cards (version TEXT PRIMARY KEY, card TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE usage_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE usage_calls ADD COLUMN component TEXT NOT NULL DEFAULT '';
    ALTER TABLE usage_reservations ADD COLUMN component TEXT NOT NULL DEFAULT '';
    CREATE TABLE usage_days_by_account (
        tenant TEXT NOT NULL, agent TEXT NOT NULL, component TEXT NOT NULL, day_ms INTEGER NOT NULL,
        cost_milli INTEGER NOT NULL DEFAULT 0, cost_pico INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL DEFAULT 0, sandbox_ms INTEGER NOT NULL DEFAULT 0,
        reserved_milli INTEGER NOT NULL DEFAULT 0, reserved_pico INTEGER NOT NULL DEFAULT 0,
        reserved_tokens INTEGER NOT NULL DEFAULT 0, reserved_sandbox_ms INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, agent, component, day_ms)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO usage_days_by_account
        SELECT tenant, agent, '', day_ms, cost_milli, cost_pico, tokens, sandbox_ms,
               reserved_milli, reserved_pico, reserved_tokens, reserved_sandbox_ms FROM usage_days;
    DROP TABLE usage_days;
    ALTER TABLE usage_days_by_account RENAME TO usage_days;
    ",
    "
    CREATE TABLE usage_peaks (
        tenant TEXT NOT NULL, quarter_ms INTEGER NOT NULL, sandbox_bytes INTEGER NOT NULL,
        PRIMARY KEY (tenant, quarter_ms)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE INDEX usage_rollups_by_tenant ON usage_rollups (tenant, unit, start_ms);
",
    "
    CREATE TABLE usage_open_calls (
        seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, calls TEXT NOT NULL
    ) STRICT;
    INSERT INTO usage_open_calls (tenant, expires_at_ms, calls)
        SELECT tenant, expires_at_ms, json_array(json_array(
            json_array(id, agent, session, run, component),
            json_array(method, provider, model, rate_card_version),
            json_array(json_array(input_uncached, input_cache_read, input_cache_write, input_cache_write_1h,
                                  output_text, output_reasoning), cost_pico_usd, sandbox_ms),
            json_array(day_ms, started_at_ms, expires_at_ms))) FROM usage_reservations;
    DROP TABLE usage_reservations;
",
    "
    ALTER TABLE usage_peaks RENAME TO usage_workloads;
    ALTER TABLE usage_workloads ADD COLUMN cpu_ms INTEGER NOT NULL DEFAULT 0;
",
];
