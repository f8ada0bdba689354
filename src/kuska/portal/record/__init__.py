"""The patient's summary: who it is, what to beware of, what is going on, what was found (HC-02)."""
