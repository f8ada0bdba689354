"""What people see. One area per audience; today one: `record`, the patient's summary (`GET /paciente/{id}`).

A view asks the contexts' doors, fills a page (frozen dataclass) and hands it over; no SQL, no clinical rule that
belongs to a context. Words used here: *page* (what is shown, as data), *view* (how a page comes to be), *access* (the
decision whether this reader may see this patient).
"""
