-- Rules of Consent resources, as the policy asks for them.

-- remove --
delete from security.consent where consent = $1;

-- raise --
update security.consent_state set version = version + 1;

-- add --
insert into security.consent
(consent, number, patient, effect, depth, actors, purposes, types, begins, ends, denies, common)
select
    $1, number, patient, effect, depth, string_to_array(actors, ' '), string_to_array(purposes, ' '),
    string_to_array(types, ' '), begins, ends, $2, $3
from unnest($4::integer [], $5::text [], $6::text [], $7::integer [], $8::text [], $9::text [], $10::text [],
    $11::timestamptz [], $12::timestamptz [])
    as given (number, patient, effect, depth, actors, purposes, types, begins, ends);

-- common --
-- Consents that speak of everybody, and of somebody perhaps. Those that only permit are left out unless they open
-- something to somebody ($2), because there may be one for every patient. What has not begun is there, what is over is not.
select consent, patient, effect, depth, actors, purposes, types, begins, ends
from security.consent
where common and (denies or $2) and (ends is null or ends > $1)
order by consent, number;

-- heard --
-- All rules of the other Consents of which some rule speaks of the caller.
select consent, patient, effect, depth, actors, purposes, types, begins, ends
from security.consent
where
    consent in (
        select consent from security.consent
        where not common and actors && $1::text [] and (denies or $3) and (ends is null or ends > $2)
    )
    and (ends is null or ends > $2)
order by consent, number;

-- of_patient --
select consent, patient, effect, depth, actors, purposes, types, begins, ends
from security.consent
where patient = $1
order by consent, number;
