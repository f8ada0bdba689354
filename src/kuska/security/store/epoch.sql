-- value --
select value from security.epoch;

-- bump --
update security.epoch set value = value + 1 returning value;
