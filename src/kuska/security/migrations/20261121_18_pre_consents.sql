-- What the record's Consent resources mean, as the policy asks for it. Written in the transaction that writes the
-- Consent; can be made anew from the resources. One row per rule; all rows of a Consent go and come together.
create table security.consent (
    consent text not null, -- id of the Consent resource
    number integer not null,
    patient text not null,
    effect text not null check (effect in ('permit', 'deny')),
    depth integer not null,
    actors text [] not null, -- empty: everybody
    purposes text [] not null, -- empty: every one
    types text [] not null, -- empty: every one
    begins timestamptz,
    ends timestamptz,
    denies boolean not null, -- some rule of the Consent withholds something
    common boolean not null, -- some rule of the Consent speaks of everybody
    primary key (consent, number)
);

create index consent_patient on security.consent (patient);
create index consent_actors on security.consent using gin (actors);
-- What speaks of everybody is read once per process, not once per caller.
create index consent_common on security.consent (consent) where common;

-- One row; raised by every change here. The epoch moves for many reasons, and what patients said is much to read again.
create table security.consent_state (
    one_row boolean primary key default true check (one_row),
    version bigint not null
);
insert into security.consent_state (version) values (1);
