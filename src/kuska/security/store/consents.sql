-- Rules of Consent resources, as the policy asks for them.

-- remove --
delete from security.consent where consent = $1;

-- add --
insert into security.consent
(consent, number, patient, effect, depth, actors, purposes, types, begins, ends, denies)
select
    $1, number, patient, effect, depth, string_to_array(actors, ' '), string_to_array(purposes, ' '),
    string_to_array(types, ' '), begins, ends, $2
from unnest($3::integer [], $4::text [], $5::text [], $6::integer [], $7::text [], $8::text [], $9::text [],
    $10::timestamptz [], $11::timestamptz [])
    as given (number, patient, effect, depth, actors, purposes, types, begins, ends);

-- heard --
-- All rules of every Consent of which some rule speaks of the caller; permissions alone only where they open something
-- ($3), because there may be one for every patient. What is over is left out; what has not begun is not.
select consent, patient, effect, depth, actors, purposes, types, begins, ends
from security.consent
where
    consent in (
        select consent from security.consent
        where (actors = '{}' or actors && $1::text []) and (denies or $3) and (ends is null or ends > $2)
    )
    and (ends is null or ends > $2)
order by consent, number;

-- of_patient --
select consent, patient, effect, depth, actors, purposes, types, begins, ends
from security.consent
where patient = $1
order by consent, number;
