"""Master keys: where they are kept, and how data keys are wrapped with them. Each provider is one file.

The data keys themselves, and what is sealed with them, are security's (kuska.security.usecases.keys).
"""
