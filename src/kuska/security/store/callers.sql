-- What the database knows about who asks.

-- about --
-- One row, for a client too, which has no account. In one question, because after every change each caller asks again.
select
    state.version, account.id is not null as known, account.patient, account.practitioner, account.roles,
    account.status = 'active' as active,
    array(
        select patient from security.glass where account = $1 and until > $2 and ended is null order by id
    ) as opened,
    array(
        select until from security.glass where account = $1 and until > $2 and ended is null order by id
    ) as untils,
    array(
        select id from security.glass where account = $1 and until > $2 and ended is null order by id
    ) as grants
from security.consent_state as state
left join security.account as account on account.id = $1;
