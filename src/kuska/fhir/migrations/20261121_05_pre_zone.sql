-- Dates without a zone are of the record's zone (docs/adr/0003-index-tables.md). Rows from before that were made with
-- UTC: a record that has any stays with it.
insert into fhir.setting (name, value)
select 'zone', convert_to('UTC', 'UTF8')
where exists (select 1 from fhir.resource);
