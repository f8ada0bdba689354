-- blocks --
select b.at, b.until, b.id::text as id, b.lines from security.event_block b

-- keys --
select b.at, b.until, b.id from security.event_block b

-- around --
-- Blocks in whose time a moment lies ($1 to $2; $3: when a block that began then has ended at the latest).
select b.lines from security.event_block b where b.at < $2 and b.until >= $1 and b.until < $3;
