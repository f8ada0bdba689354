"""The HTTP server: uvicorn with the guards that keep one client from hurting the others."""
