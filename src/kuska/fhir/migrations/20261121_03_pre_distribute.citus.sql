-- Runs only where the citus extension is installed: every clinical table is distributed by the bucket, all co-located,
-- so that whatever belongs to one patient is on one worker. See docs/adr/0002-shard-key.md.
select create_distributed_table('fhir.resource', 'bucket');
select create_distributed_table('fhir.history', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.home', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.token', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.string', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.date', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.quantity', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.reference', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.composite', 'bucket', colocate_with => 'fhir.resource');
select create_distributed_table('fhir.change', 'bucket', colocate_with => 'fhir.resource');
