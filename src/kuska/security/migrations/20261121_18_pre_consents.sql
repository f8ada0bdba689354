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
    primary key (consent, number)
);

create index consent_patient on security.consent (patient);
create index consent_actors on security.consent using gin (actors);
-- Refusals of everybody: looked at for every caller.
create index consent_everybody on security.consent (consent) where actors = '{}';
