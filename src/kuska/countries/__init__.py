"""What differs from country to country, one pack per country behind one protocol.

For whoever reads, writes or makes up data of people: identity documents and their check digits, names, places, phones,
payers, time zones. Words used here: *pack* (all of one country), *scheme* (one kind of identity document), *place*
(district or comuna with its official code). The door is `registry`; nobody imports a pack's folder.
"""
