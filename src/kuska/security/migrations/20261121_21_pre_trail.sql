-- The audit trail: one row per access, change or refusal. Rows are never updated; months that are older than the
-- country's retention are dropped as a whole. See docs/adr/0021-audit-trail.md.
-- On Citus these are local tables of the coordinator: the chain needs one order over all of them.

create sequence security.event_seq as bigint;

create table security.event (
    id uuid not null,
    at timestamptz not null,
    -- Place in the chain: events of transactions older than every running one, in order of (xact, seq).
    xact bigint not null check (xact > 0),
    seq bigint not null default nextval('security.event_seq'),
    outcome smallint not null,
    action text not null,
    kind text not null,
    interaction text not null,
    reason text not null,
    -- Who: ids only.
    caller text not null,
    account text not null,
    client text not null,
    session text not null,
    roles text[] not null,
    methods text[] not null,
    as_patient text not null,
    as_practitioner text not null,
    organization text not null,
    tenant text not null,
    country text not null,
    purpose text not null,
    address text not null,
    request text not null,
    -- What, and whose.
    entities text[] not null,
    patients text[] not null,
    query text not null,
    detail jsonb,
    -- The same event delivered twice has the same id and the same moment.
    primary key (id, at)
) partition by range (at);
alter sequence security.event_seq owned by security.event.seq;

create index event_place on security.event (xact, seq);
create index event_moment on security.event (at, id);
create index event_account on security.event (account, at) where account <> '';
-- Without a list of pending entries: nobody's write pays at once for those of many others.
create index event_patients on security.event using gin (patients) with (fastupdate = off);
-- The few that are looked for by what they are: sign-ins, roles, broken glass; and what was refused.
create index event_kind on security.event (kind, at, id) where kind <> 'rest';
create index event_failed on security.event (at, id) where outcome <> 0;

-- What belongs to no month that is there yet (a clock that is wrong by months): kept all the same.
create table security.event_other partition of security.event default;

-- What the record gave out and wrote, up to some dozens in a row: docs/adr/0021-audit-trail.md says why. `lines` are their events, packed
-- (security/domain/trail_block.py); what stands beside them is for the search, and is verified against them.
create table security.event_block (
    id uuid not null,
    at timestamptz not null,
    until timestamptz not null,
    xact bigint not null check (xact > 0),
    seq bigint not null default nextval('security.event_seq'),
    accounts text[] not null,
    patients text[] not null,
    lines bytea not null,
    -- By the moment of the last event: the search goes from the newest back. A block lies in one day.
    primary key (until, id)
) partition by range (until);
create index event_block_begin on security.event_block (at, id);
create index event_block_place on security.event_block (xact, seq);
create index event_block_accounts on security.event_block using gin (accounts) with (fastupdate = off);
create index event_block_patients on security.event_block using gin (patients) with (fastupdate = off);
create table security.event_block_other partition of security.event_block default;
-- Packed already, and best in one piece with its row.
alter table security.event_block_other alter column lines set storage external;
alter table security.event_block_other set (toast_tuple_target = 8160);

-- Makes the month's partitions unless they are there. Attached rather than created in place: that does not make readers
-- and writers of other months wait.
create function security.event_month(p_day date) returns boolean
language plpgsql
as $$
declare
    first constant date := date_trunc('month', p_day)::date;
    month constant text := to_char(first, 'YYYYMM');
    from_ constant text := to_char(first, 'YYYY-MM-DD') || ' 00:00:00+00';
    to_ constant text := to_char(first + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00';
    base text;
    moment text;
begin
    if to_regclass('security.event_' || month) is not null then
        return false;
    end if;
    -- Several processes start at once on the first of a month.
    perform pg_advisory_xact_lock(7308332183925058);
    -- By a query: what to_regclass has looked up before may be out of date.
    if exists (
        select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'security' and c.relname = 'event_' || month
    ) then
        return false;
    end if;
    for base, moment in values ('event', 'at'), ('event_block', 'until') loop
        execute format('create table security.%I (like security.%I including defaults including constraints)',
                       base || '_' || month, base);
        -- What came before its month was made.
        execute format(
            'with moved as (delete from security.%I where %I >= %L and %I < %L returning *) '
            'insert into security.%I select * from moved',
            base || '_other', moment, from_, moment, to_, base || '_' || month
        );
        execute format('alter table security.%I attach partition security.%I for values from (%L) to (%L)',
                       base, base || '_' || month, from_, to_);
    end loop;
    execute format('alter table security.%I alter column lines set storage external', 'event_block_' || month);
    execute format('alter table security.%I set (toast_tuple_target = 8160)', 'event_block_' || month);
    return true;
end
$$;

select security.event_month((now() at time zone 'UTC' + make_interval(months => n))::date)
from generate_series(-1, 2) as months (n);

-- One row. A database restored from a logical dump counts transactions anew; `xact_offset` keeps the order of the trail
-- going on from where it was.
create table security.trail (
    one_row boolean primary key default true check (one_row),
    xact_offset bigint not null default 0
);
insert into security.trail default values;

-- Notes any number of events in the caller's transaction: one call, also inside another statement. Events that are
-- there already are left as they are. Returns how many were new. Lists within an event are joined by line feeds.
create function security.append(
    p_id uuid[], p_at timestamptz[], p_outcome smallint[], p_action text[], p_kind text[], p_interaction text[],
    p_reason text[], p_caller text[], p_account text[], p_client text[], p_session text[], p_roles text[],
    p_methods text[], p_as_patient text[], p_as_practitioner text[], p_organization text[], p_tenant text[],
    p_country text[], p_purpose text[], p_address text[], p_request text[], p_entities text[], p_patients text[],
    p_query text[], p_detail text[]
) returns integer
language plpgsql
as $$
declare
    place bigint;
    noted integer;
begin
    if cardinality(p_id) = 0 then
        return 0;
    end if;
    select pg_current_xact_id()::text::bigint + t.xact_offset into strict place from security.trail t;
    insert into security.event (
        id, at, xact, outcome, action, kind, interaction, reason, caller, account, client, session, roles, methods,
        as_patient, as_practitioner, organization, tenant, country, purpose, address, request, entities, patients,
        query, detail
    )
    select u.id, u.at, place, u.outcome, u.action, u.kind, u.interaction, u.reason, u.caller, u.account, u.client,
           u.session, string_to_array(u.roles, E'\n'), string_to_array(u.methods, E'\n'), u.as_patient,
           u.as_practitioner, u.organization, u.tenant, u.country, u.purpose, u.address, u.request,
           string_to_array(u.entities, E'\n'), string_to_array(u.patients, E'\n'), u.query, u.detail::jsonb
    from unnest(
        p_id, p_at, p_outcome, p_action, p_kind, p_interaction, p_reason, p_caller, p_account, p_client, p_session,
        p_roles, p_methods, p_as_patient, p_as_practitioner, p_organization, p_tenant, p_country, p_purpose, p_address,
        p_request, p_entities, p_patients, p_query, p_detail
    ) as u (
        id, at, outcome, action, kind, interaction, reason, caller, account, client, session, roles, methods,
        as_patient, as_practitioner, organization, tenant, country, purpose, address, request, entities, patients,
        query, detail
    )
    on conflict (id, at) do nothing;
    get diagnostics noted = row_count;
    return noted;
end
$$;

-- The same with blocks of reads.
create function security.append_blocks(
    p_id uuid[], p_at timestamptz[], p_until timestamptz[], p_accounts text[], p_patients text[], p_lines bytea[]
) returns integer
language plpgsql
as $$
declare
    place bigint;
    noted integer;
begin
    select pg_current_xact_id()::text::bigint + t.xact_offset into strict place from security.trail t;
    insert into security.event_block (id, at, until, xact, accounts, patients, lines)
    select u.id, u.at, u.until, place, string_to_array(u.accounts, E'\n'), string_to_array(u.patients, E'\n'), u.lines
    from unnest(p_id, p_at, p_until, p_accounts, p_patients, p_lines) as u (id, at, until, accounts, patients, lines)
    on conflict (until, id) do nothing;
    get diagnostics noted = row_count;
    return noted;
end
$$;

-- A block of what this very statement writes: there cannot be another of its id, and looking for one would cost a fifth.
-- Plain values, for what takes arrays apart is planned anew at every call (70 µs, more than the row costs).
create function security.append_written(
    p_id uuid, p_at timestamptz, p_until timestamptz, p_accounts text, p_patients text, p_lines bytea
) returns integer
language plpgsql
as $$
begin
    insert into security.event_block (id, at, until, xact, accounts, patients, lines)
    values (
        p_id, p_at, p_until, pg_current_xact_id()::text::bigint + (select t.xact_offset from security.trail t),
        string_to_array(p_accounts, E'\n'), string_to_array(p_patients, E'\n'), p_lines
    );
    return 1;
end
$$;

-- The chain: a link per day and batch of events. `content` is the hash of the batch's events of that day, `hash` that of
-- the previous link's hash and everything else in the row, so that nothing before it can change unnoticed.
create table security.event_link (
    number bigint primary key check (number > 0),
    day date not null,
    -- The batch: events beyond (after_xact, after_seq) up to and including (last_xact, last_seq).
    after_xact bigint not null,
    after_seq bigint not null,
    last_xact bigint not null,
    last_seq bigint not null,
    count integer not null check (count > 0),
    content bytea not null,
    -- Eight bytes of each event's own hash, in order: tells which event it is that does not fit.
    leaves bytea not null,
    made timestamptz not null,
    hash bytea not null
);
create index event_link_day on security.event_link (day, number);
