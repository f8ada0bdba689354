"""`/urgencia`: breaking the glass. A reason, a second factor, a clear warning, an alarm."""
