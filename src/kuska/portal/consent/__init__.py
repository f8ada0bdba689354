"""`/oauth/authorize`: a person decides, in plain words, what an application may do in their name."""
