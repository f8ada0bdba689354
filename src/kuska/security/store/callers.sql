-- What the database knows about who asks.

-- account --
select patient, practitioner, roles, status = 'active' as active from security.account where id = $1;
