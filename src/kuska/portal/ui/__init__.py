"""The frame of every page: layout, look, forms, and what keeps a browser safe (headers, CSRF, cookies).

Words used here: *reader* (who looks at the page, as the frame needs to know it), *form* (what was sent, already proved
to come from our own page), *shell* (makes pages and takes forms; the areas know HTML only through it).
"""
