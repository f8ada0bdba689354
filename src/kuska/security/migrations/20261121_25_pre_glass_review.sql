-- Who looked into why the glass was broken, and when. Null: nobody has yet.
alter table security.glass add column reviewed timestamptz;
alter table security.glass add column reviewed_by text;
