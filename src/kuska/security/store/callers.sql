-- What the database knows about who asks.

-- patient_of --
select patient from security.account where id = $1 and status = 'active';
