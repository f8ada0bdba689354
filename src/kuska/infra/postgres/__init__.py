"""PostgreSQL: the embedded server's life, the connection pools, and the migrations.

Words: a *cluster* is one PostgreSQL data folder; a *keeper* is the small process that starts and stops its server;
a *user* of a cluster is a process that is attached to it. The only importer of asyncpg.
"""
