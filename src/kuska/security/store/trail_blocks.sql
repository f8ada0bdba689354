-- blocks --
select b.at, b.until, b.id::text as id, b.lines from security.event_block b

-- keys --
select b.at, b.until, b.id from security.event_block b

-- of_keys --
select b.at, b.until, b.id::text as id, whole.lines
from b join security.event_block whole on whole.until = b.until and whole.id = b.id

-- around --
-- Blocks in whose time a moment lies ($1 to $2; $3: when a block that began then has ended at the latest).
select b.lines from security.event_block b where b.at < $2 and b.until >= $1 and b.until < $3;
