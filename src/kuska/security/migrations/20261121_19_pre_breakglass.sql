-- Glass that was broken: who opened which patient's record against the rules, why, and until when.
create table security.glass (
    id text primary key,
    account text not null,
    patient text not null,
    reason text not null,
    opened timestamptz not null,
    until timestamptz not null,
    ended timestamptz,
    ended_by text
);

create index glass_account on security.glass (account, until);
create index glass_opened on security.glass (opened);
