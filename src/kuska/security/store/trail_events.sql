-- append --
-- Alone in its statement; the record's own write takes security.append into its statement.
select security.append(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25
);

-- append_blocks --
select security.append_blocks($1, $2, $3, $4, $5, $6);

-- columns --
-- What an event is made of, in the order of trail_line.FIELDS.
select e.id::text, e.at, e.outcome, e.action, e.kind, e.interaction, e.reason, e.caller, e.account, e.client, e.session,
       e.roles, e.methods, e.as_patient, e.as_practitioner, e.organization, e.tenant, e.country, e.purpose, e.address,
       e.request, e.entities, e.patients, e.query, e.detail::text
from security.event e;

-- find --
select e.id::text, e.at, e.outcome, e.action, e.kind, e.interaction, e.reason, e.caller, e.account, e.client, e.session,
       e.roles, e.methods, e.as_patient, e.as_practitioner, e.organization, e.tenant, e.country, e.purpose, e.address,
       e.request, e.entities, e.patients, e.query, e.detail::text
from security.event e
where e.id = $1::text::uuid;
