-- One write, one round trip: fhir.write takes any number of changes with their index rows and does all of them in the
-- caller's transaction. Rows of the index tables name their resource by its place in p_rid (1-based), in o.
--
-- kind   c  create; the resource must not exist
--        p  put: update it, or create it where there is none
--        d  delete; nothing happens where there is none
-- expected  the version that must be current; null when any will do
-- state  c created, u updated, r created again after a delete, d deleted, = nothing to do
--
-- Errors the caller acts on, each naming the place in p_rid as its message: KU301 the resource moved to another bucket
-- (fhir.home says where), KU409 the rid is another id's, KU412 another version is current. Rows are locked in the order given: callers sort by rid.
create function fhir.write(
    p_rid bigint[], p_type smallint[], p_bucket smallint[], p_kind "char"[], p_expected integer[],
    p_id text[], p_digest bytea[], p_body bytea[],
    t_o integer[], t_param integer[], t_system integer[], t_code text[],
    s_o integer[], s_param integer[], s_text text[], s_exact bigint[], s_sort text[],
    d_o integer[], d_param integer[], d_low bigint[], d_high bigint[],
    q_o integer[], q_param integer[], q_low double precision[], q_high double precision[],
    q_unit integer[], q_code integer[], q_dim integer[], q_clow double precision[], q_chigh double precision[],
    r_o integer[], r_param integer[], r_target bigint[], r_type smallint[],
    c_o integer[], c_param integer[], c_code text[], c_system integer[], c_code2 text[], c_system2 integer[],
    c_low double precision[], c_high double precision[], c_unit integer[], c_dim integer[],
    c_clow double precision[], c_chigh double precision[]
) returns table (state "char", version integer, updated timestamptz)
language plpgsql
as $$
#variable_conflict use_column
declare
    n constant integer := cardinality(p_rid);
    stamp constant timestamptz := date_trunc('milliseconds', clock_timestamp());
    old record;
    moment timestamptz;
    number integer;
    what "char";
    missing boolean;
    -- Plain variables: Citus 14 crashes on a subscripted parameter in the SET list of an UPDATE.
    new_digest bytea;
    new_body bytea;
    gone boolean;
    fresh boolean := true;  -- nothing but creates: every index row is new
    o_state "char"[] := '{}';
    o_version integer[] := '{}';
    o_updated timestamptz[] := '{}';
    -- Per index table: may rows be written for the resource at this place?
    w_t boolean[]; w_s boolean[]; w_d boolean[]; w_q boolean[]; w_r boolean[]; w_c boolean[];
    x_t bigint[]; x_s bigint[]; x_d bigint[]; x_q bigint[]; x_r bigint[]; x_c bigint[];
begin
    if 'c' = all (p_kind) then
        insert into fhir.resource (rid, updated, version, type, bucket, id, digest, body)
        select u.rid, stamp, 1, u.type, u.bucket, u.id, u.digest, u.body
        from unnest(p_rid, p_type, p_bucket, p_id, p_digest, p_body) as u (rid, type, bucket, id, digest, body);
        o_state := array_fill('c'::"char", array[n]);
        o_version := array_fill(1, array[n]);
        o_updated := array_fill(stamp, array[n]);
    else
        fresh := false;
        for i in 1..n loop
            missing := true;
            if p_kind[i] <> 'c' then
                select r.version, r.updated, r.deleted, r.id, r.digest, r.body into old
                from fhir.resource r
                where r.type = p_type[i] and r.rid = p_rid[i] and r.bucket = p_bucket[i]
                for update;
                missing := not found;
                if missing and exists (
                    select from fhir.home h
                    where h.rid = p_rid[i] and h.bucket = p_bucket[i] and h.home <> p_bucket[i]
                ) then
                    raise exception using errcode = 'KU301', message = i::text;
                end if;
                if not missing and old.id <> p_id[i] then
                    raise exception using errcode = 'KU409', message = i::text;
                end if;
                if p_expected[i] is not null and (missing or old.deleted or old.version <> p_expected[i]) then
                    raise exception using errcode = 'KU412', message = i::text;
                end if;
            end if;
            if missing and p_kind[i] = 'd' then
                what := '='; number := 0; moment := stamp;
            elsif missing then
                insert into fhir.resource (rid, updated, version, type, bucket, id, digest, body)
                values (p_rid[i], stamp, 1, p_type[i], p_bucket[i], p_id[i], p_digest[i], p_body[i]);
                what := 'c'; number := 1; moment := stamp;
                w_t[i] := true; w_s[i] := true; w_d[i] := true; w_q[i] := true; w_r[i] := true; w_c[i] := true;
            elsif (p_kind[i] = 'd' and old.deleted) or (p_kind[i] = 'p' and not old.deleted and old.body = p_body[i]) then
                what := '='; number := old.version; moment := old.updated;
            else
                what := case when p_kind[i] = 'd' then 'd' when old.deleted then 'r' else 'u' end;
                number := old.version + 1;
                -- Versions of one resource never share or reverse their moment, whatever the clock does.
                moment := greatest(stamp, old.updated + interval '1 millisecond');
                insert into fhir.history (rid, updated, version, type, bucket, deleted, body)
                values (p_rid[i], old.updated, old.version, p_type[i], p_bucket[i], old.deleted, old.body);
                new_digest := p_digest[i]; new_body := p_body[i]; gone := what = 'd';
                update fhir.resource r
                set updated = moment, version = number, deleted = gone, digest = new_digest, body = new_body
                where r.type = p_type[i] and r.rid = p_rid[i] and r.bucket = p_bucket[i];
                w_t[i] := substr(old.digest, 1, 6) <> substr(p_digest[i], 1, 6);
                w_s[i] := substr(old.digest, 7, 6) <> substr(p_digest[i], 7, 6);
                w_d[i] := substr(old.digest, 13, 6) <> substr(p_digest[i], 13, 6);
                w_q[i] := substr(old.digest, 19, 6) <> substr(p_digest[i], 19, 6);
                w_r[i] := substr(old.digest, 25, 6) <> substr(p_digest[i], 25, 6);
                w_c[i] := substr(old.digest, 31, 6) <> substr(p_digest[i], 31, 6);
                if w_t[i] then x_t := x_t || p_rid[i]; end if;
                if w_s[i] then x_s := x_s || p_rid[i]; end if;
                if w_d[i] then x_d := x_d || p_rid[i]; end if;
                if w_q[i] then x_q := x_q || p_rid[i]; end if;
                if w_r[i] then x_r := x_r || p_rid[i]; end if;
                if w_c[i] then x_c := x_c || p_rid[i]; end if;
            end if;
            o_state[i] := what; o_version[i] := number; o_updated[i] := moment;
        end loop;
        if x_t is not null then delete from fhir.token x where x.rid = any (x_t) and x.bucket = any (p_bucket); end if;
        if x_s is not null then delete from fhir.string x where x.rid = any (x_s) and x.bucket = any (p_bucket); end if;
        if x_d is not null then delete from fhir.date x where x.rid = any (x_d) and x.bucket = any (p_bucket); end if;
        if x_q is not null then delete from fhir.quantity x where x.rid = any (x_q) and x.bucket = any (p_bucket); end if;
        if x_r is not null then delete from fhir.reference x where x.rid = any (x_r) and x.bucket = any (p_bucket); end if;
        if x_c is not null then delete from fhir.composite x where x.rid = any (x_c) and x.bucket = any (p_bucket); end if;
    end if;

    if cardinality(t_o) > 0 then
        insert into fhir.token (rid, param, system, bucket, code)
        select p_rid[u.o], u.param, u.system, p_bucket[u.o], u.code
        from unnest(t_o, t_param, t_system, t_code) as u (o, param, system, code)
        where fresh or w_t[u.o];
    end if;
    if cardinality(s_o) > 0 then
        insert into fhir.string (rid, param, bucket, text, exact, sort)
        select p_rid[u.o], u.param, p_bucket[u.o], u.text, u.exact, u.sort
        from unnest(s_o, s_param, s_text, s_exact, s_sort) as u (o, param, text, exact, sort)
        where fresh or w_s[u.o];
    end if;
    if cardinality(d_o) > 0 then
        insert into fhir.date (rid, low, high, param, bucket)
        select p_rid[u.o], u.low, u.high, u.param, p_bucket[u.o]
        from unnest(d_o, d_param, d_low, d_high) as u (o, param, low, high)
        where fresh or w_d[u.o];
    end if;
    if cardinality(q_o) > 0 then
        insert into fhir.quantity (rid, low, high, clow, chigh, param, unit, code, dim, bucket)
        select p_rid[u.o], u.low, u.high, u.clow, u.chigh, u.param, u.unit, u.code, u.dim, p_bucket[u.o]
        from unnest(q_o, q_param, q_low, q_high, q_unit, q_code, q_dim, q_clow, q_chigh)
            as u (o, param, low, high, unit, code, dim, clow, chigh)
        where fresh or w_q[u.o];
    end if;
    if cardinality(r_o) > 0 then
        insert into fhir.reference (rid, target, param, target_type, bucket)
        select p_rid[u.o], u.target, u.param, u.target_type, p_bucket[u.o]
        from unnest(r_o, r_param, r_target, r_type) as u (o, param, target, target_type)
        where fresh or w_r[u.o];
    end if;
    if cardinality(c_o) > 0 then
        insert into fhir.composite (rid, param, system, bucket, code, code2, system2, low, high, unit, dim, clow, chigh)
        select p_rid[u.o], u.param, u.system, p_bucket[u.o], u.code, u.code2, u.system2,
               u.low, u.high, u.unit, u.dim, u.clow, u.chigh
        from unnest(c_o, c_param, c_code, c_system, c_code2, c_system2, c_low, c_high, c_unit, c_dim, c_clow, c_chigh)
            as u (o, param, code, system, code2, system2, low, high, unit, dim, clow, chigh)
        where fresh or w_c[u.o];
    end if;

    if n = 1 then
        if o_state[1] <> '=' then
            insert into fhir.change (bucket, rids, types, versions, kinds)
            values (p_bucket[1], p_rid, p_type, o_version, o_state);
        end if;
    else
        insert into fhir.change (bucket, rids, types, versions, kinds)
        select u.bucket, array_agg(u.rid), array_agg(u.type), array_agg(u.version), array_agg(u.state)
        from unnest(p_bucket, p_rid, p_type, o_version, o_state) as u (bucket, rid, type, version, state)
        where u.state <> '='
        group by u.bucket;
    end if;

    return query select * from unnest(o_state, o_version, o_updated);
end
$$;
